declare module '*?worker&url' {
  /** Address of the built script. */
  const url: string
  export default url
}
