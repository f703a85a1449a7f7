import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { RenewableTokens } from '../../src/session/record.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'
import { Refresher } from '../../src/credentials/refresh.js'

const hour = 3_600_000
const runs = Number(process.env.FC_RUNS ?? 100)

/**
 * What a browser does next: a request with the cookie it has or an older one of a slow tab; time may pass before; the
 * tab may be closed.
 */
const steps = fc.array(fc.record({ expired: fc.boolean(), behind: fc.nat(3), aborted: fc.boolean() }), { minLength: 1, maxLength: 25 })

// oauth2-proxy#1992: who lost the race deleted what the winner had saved.
for (const rotates of [true, false]) {
  t.test(`however requests, aborts, delays and answers of a tenant that ${rotates ? 'rotates' : 'keeps'} its refresh ` +
    'tokens interleave, each is served, each token is spent once, and the browser ends with the newest session', async t => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), steps, async (scheduler, steps) => {
      const clock = { at: 0 }
      const spent = new Set<string>()
      const first: RenewableTokens = { accessToken: 'a0', refreshToken: 'r0', grantedAt: 0, endsAt: hour, generation: 0 }
      const refresher = new Refresher({
        now: () => clock.at,
        discard () {},
        async refresh ({ refreshToken, generation }) {
          const name = `${refreshToken} ${generation}`
          if (spent.has(name)) throw new TokenFailure('refused', { status: 401 })
          spent.add(name)
          await scheduler.schedule(Promise.resolve(), 'the tenant answers')
          return {
            accessToken: `a${generation + 1}`,
            refreshToken: rotates ? `r${generation + 1}` : 'r0',
            grantedAt: clock.at,
            endsAt: clock.at + hour,
            generation: generation + 1
          }
        }
      })
      const cookies = [first]
      let served = 0

      async function request (behind: number, aborted: boolean): Promise<void> {
        const sent = cookies[Math.max(0, cookies.length - 1 - behind)] as RenewableTokens
        const tokens = await refresher.renew(sent)
        await scheduler.schedule(Promise.resolve(), 'the tenant answers the request')
        const written = tokens === sent ? undefined : refresher.newest(tokens) as RenewableTokens
        await scheduler.schedule(Promise.resolve(), 'the answer arrives')
        served++
        if (!aborted && written !== undefined) cookies.push(written)
      }

      const requests = steps.map(async ({ expired, behind, aborted }) => {
        await scheduler.schedule(Promise.resolve(), 'the request leaves')
        if (expired) clock.at += hour
        await request(behind, aborted)
      })
      await scheduler.waitFor(Promise.all(requests))
      assert.equal(served, steps.length)
      await scheduler.waitFor(request(0, false))
      const last = cookies.at(-1) as RenewableTokens
      assert.equal(last, refresher.newest(first))
      assert.equal(spent.size, last.generation, 'every grant led to the next generation')
    }), { numRuns: runs })
  })
}
