// Close codes of WebSockets (RFC 6455, section 7.4) that the gateway sends or reports.

/** After this code Qlik's clients resume their engine session by themselves. */
export const closeResumable = 4003

/** Qlik's own code for a login that has ended. */
export const closeLoginEnded = 4006

/** Reported for a close frame without a code. It is never sent. */
export const closeWithoutCode = 1005

/** Reported for a WebSocket that ended without a close frame. It is never sent. */
export const closeLost = 1006

/** The codes that metrics tell apart: those of the protocol, and Qlik's. Both ends may choose any others. */
export const knownCloseCodes: ReadonlySet<number> = new Set([
  1000, 1001, closeWithoutCode, closeLost, 1009, 1011, 1012, 4001, 4002, closeResumable, 4004, 4005, closeLoginEnded, 4007
])
