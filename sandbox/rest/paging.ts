import type { FastifyRequest } from 'fastify'

/** Links of a page of results, absolute as a tenant's. */
export interface PageLinks {
  self: { href: string }
  next?: { href: string }
  prev?: { href: string }
}

/** One page of results. */
export interface Page<T> { data: T[], links: PageLinks }

const defaultLimit = 10
const maximalLimit = 100

/** Returns the page of the results that `limit` and `page` of the request ask for. */
export function cutPage<T> (request: FastifyRequest, origin: string, all: T[]): Page<T> {
  const url = new URL(request.url, origin)
  const limit = Math.min(maximalLimit, Math.max(1, Number(url.searchParams.get('limit') ?? defaultLimit) || defaultLimit))
  const start = Math.max(0, Number(url.searchParams.get('page') ?? 0) || 0)
  const link = (page: number): { href: string } => {
    const target = new URL(url)
    target.searchParams.set('limit', String(limit))
    target.searchParams.set('page', String(page))
    return { href: `${origin}${target.pathname}${target.search}` }
  }
  return {
    data: all.slice(start, start + limit),
    links: {
      self: link(start),
      ...(start + limit < all.length ? { next: link(start + limit) } : {}),
      ...(start > 0 ? { prev: link(Math.max(0, start - limit)) } : {})
    }
  }
}
