const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** A duration in words of at most two units: `6 days 3 h`, `23 h 59 min`, `12 min`, `48 s`. */
export function describeDuration (durationMs) {
  const left = Math.max(0, durationMs)
  if (left >= 2 * dayMs) return join(left, dayMs, 'days', hourMs, 'h')
  if (left >= hourMs) return join(left, hourMs, 'h', minuteMs, 'min')
  if (left >= 2 * minuteMs) return `${Math.floor(left / minuteMs)} min`
  return `${Math.floor(left / 1000)} s`
}

function join (left, large, largeName, small, smallName) {
  const rest = Math.floor(left % large / small)
  return `${Math.floor(left / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`
}

/** Keeps `element` showing the time left until `endsAt()`; quietly, so that no screen reader is interrupted. */
export function showRemaining (element, endsAt) {
  function tick () {
    const left = endsAt() - Date.now()
    element.textContent = describeDuration(left)
    element.dateTime = new Date(endsAt()).toISOString()
    element.title = new Date(endsAt()).toLocaleString()
    // Seconds are shown near the end alone.
    setTimeout(tick, left < 3 * minuteMs ? 1000 : 20_000)
  }
  tick()
}
