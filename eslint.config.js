import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'
import tseslint from 'typescript-eslint'

const upward = (...folders) => ({
  group: folders.map(folder => `**/${folder}/**/*.js`),
  message: 'Arrows point down the list of folders in docs/architecture.md, never up.'
})

const folderRule = (folder, ...forbidden) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: { 'no-restricted-imports': ['error', { patterns: [upward(...forbidden), outside] }] }
})

const outside = { group: ['**/sandbox/**', '**/test/**', '**/bench/**'], message: 'src stands on its own.' }

const environmentRule = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'The environment is read in config.ts and cli.ts only.'
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
    ignores: ['src/config.ts', 'src/cli.ts'],
    rules: { 'no-restricted-syntax': ['error', environmentRule] }
  },
  folderRule('admission', 'session', 'tokens', 'login', 'forward', 'embed', 'operate', 'commands'),
  folderRule('session', 'tokens', 'login', 'forward', 'embed', 'operate', 'commands'),
  folderRule('tokens', 'login', 'forward', 'embed', 'operate', 'commands'),
  folderRule('login', 'forward', 'embed', 'operate', 'commands'),
  folderRule('forward', 'login', 'embed', 'operate', 'commands'),
  folderRule('embed', 'login', 'forward', 'operate', 'commands'),
  folderRule('operate', 'login', 'forward', 'embed', 'commands'),
  folderRule('commands', 'login', 'embed', 'operate')
]
