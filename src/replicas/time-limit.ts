/** Resolves as `value` does; rejects if that takes longer than the limit. */
export async function within<Value> (limitMs: number, value: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    // If this process was busy, the timer fires before the answer is read from the socket. It is read before the immediate runs.
    timer = setTimeout(() => setImmediate(reject, new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}
