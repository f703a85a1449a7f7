// npm run build: writes the JSON Schema of CONFIG_FILE, by which editors complete and check it, from the schema that
// the gateway reads the file by.
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { gatewaySchema, ownOptions, sharedOptions, unwritable } from '../dist/settings/gateway-schema.js'
import { serverSchema } from '../dist/settings/server-schema.js'
import { variables } from '../dist/settings/variables.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const read = async path => await readFile(join(root, path), 'utf8')

/** What a schema of zod's leaves open for values that only a program can pass: a file holds text there. */
function describeValue (schema) {
  if (schema.anyOf !== undefined) {
    const kinds = schema.anyOf.filter(kind => Object.keys(kind).length > 0)
    return kinds.length === 1 ? kinds[0] : { ...schema, anyOf: kinds }
  }
  if (schema.type !== 'array') return schema
  const { items, ...list } = schema
  // Every list may be written as text too, as in a variable.
  return { anyOf: [{ ...list, items: Object.keys(items).length === 0 ? { type: 'string' } : describeValue(items) }, { type: 'string' }] }
}

/** The words of the options in the comments of their interfaces, and of those of the command in the documentation. */
async function readDescriptions () {
  const described = {}
  const page = await read('docs/settings.md')
  for (const [, names, meaning] of page.matchAll(/^\| (`\w+`.*?) \| [^|]* \| (.+?) \|$/gm)) {
    for (const [, name] of names.matchAll(/`(\w+)`/g)) if (Object.hasOwn(variables, name)) described[variables[name]] = plain(meaning)
  }
  for (const path of ['src/settings/gateway-options.ts', 'src/settings/impersonation-options.ts']) {
    const [, members] = (await read(path)).split(/^export interface .*\{$/m)
    for (const [, comment, name] of members.matchAll(/\/\*\*([^]*?)\*\/\s+(\w+)\??:/g)) {
      described[name] = comment.replace(/\s*\n\s*\*\s*/g, ' ').trim()
    }
  }
  return described
}

/** Text without the marks of Markdown. */
function plain (markdown) {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
}

async function createSchema () {
  const described = await readDescriptions()
  const describe = (option, field) => {
    const { $schema, default: _default, ...schema } = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any', target: 'draft-7' })
    return { ...(described[option] === undefined ? {} : { description: described[option] }), ...describeValue(schema) }
  }
  const propertiesOf = (shape, isWanted) => Object.fromEntries(
    Object.entries(shape).filter(([option]) => isWanted(option)).map(([option, field]) => [option, describe(option, field)])
  )
  const ofTenant = propertiesOf(gatewaySchema.shape, option => !unwritable.has(option) && !sharedOptions.includes(option))
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'CONFIG_FILE of qlik-embed-gateway',
    type: 'object',
    additionalProperties: false,
    required: ['tenants'],
    properties: {
      $schema: { type: 'string' },
      ...propertiesOf(gatewaySchema.shape, option => !unwritable.has(option) && !ownOptions.includes(option)),
      ...propertiesOf(serverSchema.shape, () => true),
      tenants: {
        description: 'The tenants. Each inherits what stands at the top level, and may have other values.',
        type: 'array',
        minItems: 1,
        items: { type: 'object', additionalProperties: false, required: ownOptions, properties: ofTenant }
      }
    }
  }
}

await writeFile(join(root, 'dist/config-file.schema.json'), `${JSON.stringify(await createSchema(), null, 2)}\n`)
