import type { Span } from './dashboard.js'
import type { Results } from './targets.js'

// By the order of contestants; told apart by people who confuse red and green too.
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#555555']
const left = 290
const plotWidth = 560
const rowHeight = 22

/** How much more work the gateway does in a second of CPU than each of the others, on a logarithmic scale. */
export function plotThroughput (results: Results): string {
  const peers = [...new Set([...results.values()].flatMap(figures => [...figures.keys()]))].filter(name => !/^(?:ours|direct)/.test(name))
  const rows = [...results].filter(([, figures]) => figures.has('ours') && peers.some(name => figures.has(name)))
  const ends = [0.1, 10] as const
  const x = (ratio: number) => {
    const shown = Math.min(Math.max(ratio, ends[0]), ends[1])
    return left + plotWidth * Math.log(shown / ends[0]) / Math.log(ends[1] / ends[0])
  }
  const bottom = 60 + rows.length * rowHeight
  return svg(bottom + 30, [
    ...legend(peers),
    ...[0.1, 0.2, 0.5, 1, 2, 5, 10].map(ratio =>
      line(x(ratio), 50, bottom, ratio === 1) + text(x(ratio), bottom + 18, `${ratio}`, 'middle')),
    ...rows.flatMap(([work, figures], row) => {
      const y = 60 + (row + 0.5) * rowHeight
      const ours = figures.get('ours')?.perCpuSecond.median ?? NaN
      return [
        text(left - 12, y + 4, work, 'end'),
        ...peers.flatMap((name, at) => {
          const other = figures.get(name)?.perCpuSecond.median ?? NaN
          const ratio = ours / other
          if (!Number.isFinite(ratio)) return []
          const title = `<title>${escape(name)}: ${ratio.toFixed(2)}</title>`
          return [`<circle cx="${x(ratio).toFixed(1)}" cy="${y}" r="5" fill="${colours[at]}">${title}</circle>`]
        })
      ]
    })
  ])
}

/** When each request and socket of a warm dashboard began, had its first byte or frame, and ended, through each of some contestants. */
export function plotDashboards (loads: Map<string, Span[]>): string {
  const end = Math.max(...[...loads.values()].flat().map(span => span.to))
  const step = end > 1_000 ? 500 : 100
  const x = (ms: number) => left + plotWidth * ms / end
  const thin = 7
  let y = 30
  const bars = [...loads].flatMap(([name, spans]) => {
    const top = y
    y += spans.length * thin + 14
    return [
      text(left - 12, top + spans.length * thin / 2, name, 'end'),
      text(left - 12, top + spans.length * thin / 2 + 16, `${Math.max(...spans.map(span => span.to)).toFixed(0)} ms`, 'end'),
      ...spans.flatMap(({ what, from, first, to }, at) => {
        const bar = (begin: number, finish: number, colour: string) => {
          const width = Math.max(1, x(finish) - x(begin)).toFixed(1)
          const place = `x="${x(begin).toFixed(1)}" y="${top + at * thin}" width="${width}" height="${thin - 2}"`
          return `<rect ${place} fill="${colour}"><title>${escape(what)}</title></rect>`
        }
        return [bar(from, first, '#bbbbbb'), bar(first, to, what.startsWith('socket') ? '#0072b2' : '#d55e00')]
      })
    ]
  })
  const marks = Array.from({ length: Math.floor(end / step) + 1 }, (_, at) =>
    line(x(at * step), 24, y, false) + text(x(at * step), y + 18, `${at * step} ms`, 'middle'))
  const key = text(left, 16, 'grey: waiting · blue: messages of a socket · orange: the body of an answer', 'start')
  return svg(y + 30, [key, ...marks, ...bars])
}

function legend (names: string[]): string[] {
  let at = left - 60
  return names.map((name, index) => {
    const begin = at
    at += 30 + name.length * 7
    return `<circle cx="${begin}" cy="20" r="5" fill="${colours[index]}"/>${text(begin + 9, 24, name, 'start')}`
  })
}

function svg (height: number, parts: string[]): string {
  const width = left + plotWidth + 30
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222222">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`
}

function line (x: number, top: number, bottom: number, strong: boolean): string {
  return `<line x1="${x.toFixed(1)}" y1="${top}" x2="${x.toFixed(1)}" y2="${bottom}" stroke="${strong ? '#222222' : '#dddddd'}"/>`
}

function text (x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escape(content)}</text>`
}

function escape (content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
