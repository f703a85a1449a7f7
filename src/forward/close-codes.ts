// Close codes of WebSockets (RFC 6455, section 7.4) that the gateway sends or reports.

/** Qlik's clients resume their engine session by themselves after this one. */
export const closeResumable = 4003

/** Qlik's own for a login that has ended. */
export const closeLoginEnded = 4006

/** What a WebSocket that ended without a close frame reports; it is never sent. */
export const closeLost = 1006
