/** Version of the program; test/cli/program.test.ts holds it to package.json. */
export const VERSION = '0.1.0'
