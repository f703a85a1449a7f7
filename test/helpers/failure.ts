/** What a promise is rejected with; undefined when it is not. */
export async function failureOf (promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => undefined, (error: unknown) => error)
}
