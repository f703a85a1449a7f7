/** An error message for users: what happened, and what to do. */
export class EmbedError extends Error {
  readonly remedy: string

  constructor (message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EmbedError'
    this.remedy = remedy
  }
}

/** Converts any error to a message for users. */
export function explainError (error: unknown): EmbedError {
  if (error instanceof EmbedError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new EmbedError('This content could not be drawn.', `${message || 'No reason was given.'} Reload the page to try again.`, {
    cause: error
  })
}
