import { embed, type stardust } from '@nebula.js/stardust'
import type { Doc } from '@qlik/api/qix'
import type { App } from './app.js'
import { lightTheme } from './theme.js'
import { withWords } from './words.js'

/** Draws objects of one app. */
export type Nebula = ReturnType<typeof embed>

const loaders = {
  barchart: async () => (await import('@nebula.js/sn-bar-chart')).default,
  linechart: async () => (await import('@nebula.js/sn-line-chart')).default,
  table: async () => (await import('@nebula.js/sn-table')).default,
  kpi: async () => (await import('@nebula.js/sn-kpi')).default
}

/** Qlik's names of charts, old and new, to the ones that the sandbox draws. */
const aliases = new Map<string, keyof typeof loaders>([
  ['barchart', 'barchart'], ['sn-bar-chart', 'barchart'],
  ['linechart', 'linechart'], ['sn-line-chart', 'linechart'],
  ['table', 'table'], ['sn-table', 'table'],
  ['kpi', 'kpi'], ['sn-kpi', 'kpi']
])

/** Names of the chart types that the sandbox draws. */
export const chartTypes = Object.keys(loaders)

/** Whether the sandbox can draw a chart of this type. */
export function isChartType (type: string): boolean {
  return aliases.has(type)
}

/** Whether charts of this type are drawn on a canvas. */
export function isPicture (type: string): boolean {
  return /bar|line/.test(aliases.get(type) ?? '')
}

interface Generation { number: number, nebula?: Nebula }

const generations = new WeakMap<Doc, Generation>()

/** The one drawing engine of an app's document: several would each keep their own view of the selections. */
export function getNebula ({ doc, language }: App): Nebula {
  const generation = generations.get(doc) ?? { number: 0 }
  generations.set(doc, generation)
  generation.nebula ??= createNebula(doc, generation.number, language)
  return generation.nebula
}

function createNebula (doc: Doc, generation: number, language: string | undefined): Nebula {
  // Stardust keeps the session's objects, such as the list of selections, by the id of the app: a new session needs another id.
  const app = generation === 0 ? doc : Object.create(doc, { id: { value: `${doc.id}#${generation}` } }) as Doc
  return embed(app as unknown as EngineAPI.IApp, {
    context: { theme: 'sandbox', language: chooseLanguage(language), keyboardNavigation: false, constraints: {} },
    themes: [{ id: 'sandbox', load: async () => lightTheme }],
    types: [...aliases].map(([name, chart]) => ({
      name,
      load: (async () => withWords(await loaders[chart]())) as unknown as stardust.LoadType
    }))
  } as unknown as stardust.Configuration)
}

/** Makes the next drawing start anew: what it knew of the engine's session is no longer true. */
export function forgetNebula (doc: Doc): void {
  const generation = generations.get(doc)
  if (generation?.nebula !== undefined) generations.set(doc, { number: generation.number + 1 })
}

const languages = [
  'en-US', 'de-DE', 'es-ES', 'fr-FR', 'it-IT', 'ja-JP', 'ko-KR', 'nl-NL', 'pl-PL', 'pt-BR', 'ru-RU', 'sv-SE', 'tr-TR',
  'zh-CN', 'zh-TW'
]

function chooseLanguage (wanted = 'en-US'): string {
  return (
    languages.find(language => language === wanted) ?? languages.find(language => language.slice(0, 2) === wanted.slice(0, 2)) ?? 'en-US'
  )
}
