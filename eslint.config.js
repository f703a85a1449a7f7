import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

const upward = folders => ({
  group: folders.map(folder => `**/${folder}/**/*.js`),
  message: 'Arrows point down the list of folders in docs/architecture.md, never up.'
})

// The folders of src, each of which may import from those before it.
const folders = ['session', 'credentials', 'replicas', 'tenants', 'admission', 'policy', 'login', 'forward', 'embed', 'operate', 'commands']

const folderRule = (folder, above) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: { 'no-restricted-imports': ['error', { ...keyRule, patterns: [...above.length > 0 ? [upward(above)] : [], outside] }] }
})

const outside = { group: ['**/sandbox/**', '**/test/**', '**/bench/**'], message: 'src stands on its own.' }

const environmentRule = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'The environment is read in cli.ts only.'
}

const propertyRule = [
  { object: 'URL', property: 'canParse', message: 'src/url.ts tells why.' },
  { object: 'AbortSignal', property: 'timeout', message: 'src/time-limit.ts tells why.' }
]

// Node can deadlock with the keys that it generates itself.
const keyRule = {
  paths: [
    { name: 'node:crypto', importNames: ['generateKeyPair', 'generateKeyPairSync'], message: 'sandbox/key-pair.ts tells why.' },
    { name: 'jose', importNames: ['generateKeyPair'], message: 'sandbox/key-pair.ts tells why.' }
  ]
}

const guardRule = {
  selector: "CallExpression[callee.object.name='t'][callee.property.name=/^not/] > ChainExpression:first-child",
  message: 'What is not there has nothing wrong with it: demand it first, or match the whole with { …: undefined }.'
}

export default [
  ...neostandard({ ts: true, noJsx: true, ignores: resolveIgnoresFromGitignore() }),
  // oxlint, which knows the types, looks at what is thrown, declared and used.
  {
    files: ['**/*.ts'],
    rules: {
      'no-throw-literal': 'off',
      '@typescript-eslint/no-redeclare': 'off',
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-use-before-define': 'off'
    }
  },
  { files: ['**/*.{js,mjs,ts}'], rules: { '@stylistic/max-len': ['error', { code: 140 }] } },
  { files: ['src/**/*.ts'], rules: { 'no-restricted-properties': ['error', ...propertyRule] } },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli.ts'],
    rules: { 'no-restricted-syntax': ['error', environmentRule] }
  },
  {
    files: ['sandbox/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', keyRule] }
  },
  { files: ['test/**/*.ts', 'sandbox/test/**/*.ts'], rules: { 'no-restricted-syntax': ['error', guardRule] } },
  ...folders.map((folder, at) => folderRule(folder, folders.slice(at + 1))),
  { files: ['sandbox/key-pair.ts', 'src/commands/private-key.ts'], rules: { 'no-restricted-imports': 'off' } }
]
