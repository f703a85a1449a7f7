const ticks = 10

/**
 * Resolves as `value` does; rejects if that takes longer than the limit.
 *
 * Time in which this process was too busy to send or to read counts as a tenth of the limit at most: however long a
 * turn of the event loop is, an interval fires once in it. A busy gateway is no reason to give up on a healthy Redis.
 */
export async function within<Value> (limitMs: number, value: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    let left = ticks
    timer = setInterval(() => {
      // Timers run before sockets are read: an answer that is there already is read before the immediate runs.
      if (--left === 0) setImmediate(reject, new Error(`no answer within ${limitMs} ms`))
    }, limitMs / ticks)
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearInterval(timer)
  }
}
