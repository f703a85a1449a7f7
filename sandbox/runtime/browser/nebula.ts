import { embed, type stardust } from '@nebula.js/stardust'
import type { Doc } from '@qlik/api/qix'
import type { App } from './app.js'
import { lightTheme } from './theme.js'
import { withWords } from './words.js'

/** Draws the objects of one app. */
export type Nebula = ReturnType<typeof embed>

const loaders = {
  barchart: async () => (await import('@nebula.js/sn-bar-chart')).default,
  linechart: async () => (await import('@nebula.js/sn-line-chart')).default,
  table: async () => (await import('@nebula.js/sn-table')).default,
  kpi: async () => (await import('@nebula.js/sn-kpi')).default
}

/** Qlik's names of charts, old and new, and the charts of the sandbox that they stand for. */
const aliases = new Map<string, keyof typeof loaders>([
  ['barchart', 'barchart'], ['sn-bar-chart', 'barchart'],
  ['linechart', 'linechart'], ['sn-line-chart', 'linechart'],
  ['table', 'table'], ['sn-table', 'table'],
  ['kpi', 'kpi'], ['sn-kpi', 'kpi']
])

/** The chart types that the sandbox can draw. */
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

/**
 * Returns the stardust instance of an app's document. There is only one, because each instance has its own state of the
 * selections.
 */
export function getNebula ({ doc, language }: App): Nebula {
  const generation = generations.get(doc) ?? { number: 0 }
  generations.set(doc, generation)
  generation.nebula ??= createNebula(doc, generation.number, language)
  return generation.nebula
}

function createNebula (doc: Doc, generation: number, language: string | undefined): Nebula {
  // Stardust caches objects of the session, such as the list of selections, by the id of the app. A new session needs
  // another id.
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

/** Discards the stardust instance: after a new engine session its state is no longer valid. */
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
