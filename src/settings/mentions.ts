/**
 * Completes a message that mentions options in braces, as `{redisMode}`: `nameOf` says how the operator writes them, as a variable or as an
 * option of the file.
 */
export function nameOptions (message: string, nameOf: (option: string) => string): string {
  return message.replaceAll(/\{(\w+)\}/g, (_, option: string) => nameOf(option))
}
