/* eslint-disable no-template-curly-in-string -- the texts are source code */

/**
 * The lines whose loss would hurt most: what is lost, in which file, the exact text, what takes its place, and the tests that must notice.
 * @type {[lost: string, file: string, text: string, instead: string, test: string][]}
 */
export const mutations = [
  ['a state is good once', 'src/login/login.ts', ' || usedStates.has(login.state)', '', 'test/login/login.test.ts'],
  ['the state is compared', 'src/login/login.ts', 'underWay.find(login => login.state === state)', 'underWay[0]', 'test/login/login.test.ts'],
  ['the issuer is compared', 'src/login/login.ts', "if (issuers.length === 1 && issuers[0] !== tenant.issuer) throw new GatewayError('GW-LOGIN-ISSUER')", '', 'test/login/login.test.ts'],
  ['a foreign Origin is refused', 'src/admission/admission.ts', "if (proof === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')", '', 'test/admission/proof.test.ts'],
  ['the CSRF token is compared', 'src/admission/csrf.ts', ' && timingSafeEqual(given, expected)', '', 'test/admission/proof.test.ts'],
  ['the path is canonical', 'src/admission/target.ts', "if (!isCanonicalPath(whole)) throw new GatewayError('GW-BAD-TARGET')", '', 'test/admission/target.test.ts'],
  ['a route is spelled plainly', 'src/admission/admission.ts', "if (!`${basePath}${request.target.path}`.startsWith(route)) throw new GatewayError('GW-NOT-FOUND')", '', 'test/admission/target.test.ts'],
  ['the certificate is verified for calls and tokens', 'src/forward/agent.ts', 'rejectUnauthorized: true', 'rejectUnauthorized: false', 'test/security/transport.test.ts'],
  ['the certificate is verified for sockets', 'src/forward/handshake.ts', 'rejectUnauthorized: true', 'rejectUnauthorized: false', 'test/security/transport.test.ts'],
  ['headers are stripped towards the tenant', 'src/forward/headers.ts', 'filterHeaders(headers, mayReachTenant)', 'filterHeaders(headers, name => !hopByHop.has(name))', 'test/security/headers.test.ts'],
  ['names in Connection are hop-by-hop', 'src/forward/headers.ts', 'named?.has(name) !== true && ', '', 'test/security/headers.test.ts'],
  ['the tenant\'s cookies are dropped', 'src/forward/headers.ts', ' && !notForTheBrowser.has(name)', '', 'test/forward/http.test.ts'],
  ['each purpose has keys of its own', 'src/session/seal.ts', 'deriveKey(key, purpose)', "deriveKey(key, 'one')", 'test/session/seal.test.ts'],
  ['an ended session is none', 'src/session/session.ts', ' || ended.has(session.id) ?', ' ?', 'test/session/session.test.ts'],
  ['a slow answer revives no session', 'src/session/session.ts', ' || ended.has(toWrite.id)', '', 'test/session/session.test.ts'],
  ['a session ends in any case', 'src/session/session.ts', 'Math.min(session.createdAt + limits.maxMs, session.usedAt + limits.idleMs)', 'session.usedAt + limits.idleMs', 'test/session/session.test.ts'],
  ['an answer with a cookie is not cached', 'src/session/session.ts', "reply.header('cache-control', 'no-store')", '', 'test/session/session.test.ts'],
  ['doubled cookies are refused', 'src/session/cookies.ts', 'doubled ||= own.has(cookie)', '', 'test/session/cookies.test.ts'],
  ['one flight for one refresh token', 'src/tokens/refresh.ts', 'lineage.flight ??= grant', 'lineage.flight = grant', 'test/tokens/refresh.test.ts'],
  ['tokens of another user are refused', 'src/tokens/refresh.ts', 'if (!isAnotherUser(from, next)) return next', 'return next', 'test/tokens/access-token.test.ts'],
  ['a return address is on an allowed origin', 'src/login/return-address.ts', 'embedOrigins.has(url.origin) ? url.href : home', 'url.href', 'test/security/return-address.test.ts'],
  ['a return address begins no login', 'src/login/return-address.ts', 'leadsBack(url, home) ? home : url.href', 'url.href', 'test/security/return-address.test.ts'],
  ['a one-time code needs its verifier', 'src/login/handover.ts', "timingSafeEqual(createHash('sha256').update(verifier).digest(), Buffer.from(challenge, 'base64url'))", 'true', 'test/login/handover.test.ts'],
  ['a one-time code belongs to a page', 'src/login/handover.ts', 'handover.origin !== origin || ', '', 'test/login/handover.test.ts'],
  ['a foreign page signs nobody out', 'src/login/logout.ts', "if (request.headers['sec-fetch-site'] === 'cross-site')", 'if (false)', 'test/login/logout.test.ts'],
  ['documents are framed by our pages only', 'src/forward/answer.ts', "replaceFrameAncestors(headers['content-security-policy'], frameAncestors)", "headers['content-security-policy']", 'test/forward/http.test.ts'],
  ['what carries a body is not sent twice', 'src/forward/http.ts', ' || options.body !== null) return answer', ') return answer', 'test/forward/http.test.ts'],
  ['a token in the query stays here', 'src/forward/http.ts', 'dropParameters(request.target.query, tokenParameter)', 'request.target.query', 'test/forward/http.test.ts'],
  ['who leaves cancels their request', 'src/forward/exchange.ts', "response.once('close', leave)", '', 'test/security/disconnects.test.ts'],
  ['an upgrade has no body', 'src/forward/websocket.ts', "headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0' &&", '', 'test/security/smuggling.test.ts'],
  ['a peer that does not read is waited for', 'src/forward/splice.ts', 'if (!browser.write(chunk)) tenant.pause()', 'browser.write(chunk)', 'test/forward/websocket.test.ts'],
  ['pages escape their texts', 'src/pages.ts', "text.replace(/[&<>\"']/g, character => `&#${character.charCodeAt(0)};`)", 'text', 'test/operate/answer.test.ts'],
  ['logins of an address are counted', 'src/admission/rate.ts', 'if (++minute.count > perMinute)', 'if (false)', 'test/admission/limits.test.ts'],
  ['one session leaves room for others', 'src/admission/places.ts', 'if (own >= perClient) throw new GatewayError(tooMany, { retryAfterSeconds: 1 })', '', 'test/admission/limits.test.ts']
]
