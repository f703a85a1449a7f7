import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'
import tseslint from 'typescript-eslint'

const upward = folders => ({
  group: folders.map(folder => `**/${folder}/**/*.js`),
  message: 'Arrows point down the list of folders in docs/architecture.md, never up.'
})

// The folders of src, each of which may import from those before it.
const folders = ['session', 'credentials', 'replicas', 'tenants', 'admission', 'policy', 'login', 'forward', 'embed', 'operate', 'commands']

const folderRule = (folder, above) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: { 'no-restricted-imports': ['error', { patterns: [...above.length > 0 ? [upward(above)] : [], outside] }] }
})

const outside = { group: ['**/sandbox/**', '**/test/**', '**/bench/**'], message: 'src stands on its own.' }

const environmentRule = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'The environment is read in settings/config.ts and cli.ts only.'
}

export default [
  ...neostandard({ ts: true, ignores: resolveIgnoresFromGitignore() }),
  ...tseslint.configs.recommendedTypeChecked.map(config => ({ ...config, files: ['**/*.ts'], ignores: ['sandbox/runtime/browser/**'] })),
  {
    files: ['**/*.ts'],
    ignores: ['sandbox/runtime/browser/**'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }] }],
      '@typescript-eslint/require-await': 'off'
    }
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/settings/config.ts', 'src/cli.ts'],
    rules: { 'no-restricted-syntax': ['error', environmentRule] }
  },
  ...folders.map((folder, at) => folderRule(folder, folders.slice(at + 1)))
]
