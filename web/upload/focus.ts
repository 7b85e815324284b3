/** As a `ref`: the element has the focus when it appears, so that keyboard and screen reader are where something new is. */
export const focusOnMount = (element: HTMLElement | null): void => element?.focus()
