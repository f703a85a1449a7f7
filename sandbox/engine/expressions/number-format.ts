/** The engine's description of a number format: `qFmt` is a pattern such as `#,##0.00`, `0.0%` or `$ #,##0`. */
export interface NumberFormat {
  qType: string
  qnDec: number
  qUseThou: number
  qFmt?: string
  qDec?: string
  qThou?: string
}

/** The default number format. */
export const AUTOMATIC_FORMAT: NumberFormat = { qType: 'U', qnDec: 10, qUseThou: 0 }

const PATTERN = /^(?<prefix>[^#0]*)(?<digits>[#0,]*[#0])(?:\.(?<decimals>[#0]+))?(?<suffix>.*)$/

/** Formats a number. With the automatic format, or a pattern that is not supported, the result is the shortest text. */
export function formatNumber (number: number, format: NumberFormat): string {
  // A second section, after a semicolon, is for negative numbers. It is ignored: they get a minus sign.
  const [section = ''] = (format.qFmt ?? '').split(';')
  const pattern = format.qType === 'U' ? undefined : PATTERN.exec(section)?.groups
  if (pattern === undefined) return String(Number(number.toPrecision(14)))
  const { prefix = '', digits = '', decimals = '', suffix = '' } = pattern
  const scaled = Math.abs(number) * (suffix.includes('%') ? 100 : 1)
  const required = decimals.lastIndexOf('0') + 1
  const [whole = '', fraction = ''] = scaled.toFixed(decimals.length).split('.')
  const shown = fraction.slice(0, required) + fraction.slice(required).replace(/0+$/, '')
  const grouped = digits.includes(',') ? whole.replace(/\B(?=(\d{3})+$)/g, format.qThou ?? ',') : whole
  const sign = number < 0 && Number(scaled.toFixed(decimals.length)) !== 0 ? '-' : ''
  return `${sign}${prefix}${grouped}${shown === '' ? '' : `${format.qDec ?? '.'}${shown}`}${suffix}`
}
