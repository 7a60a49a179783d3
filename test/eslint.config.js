import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist', 'node_modules', '.cache', 'public', 'tools', 'test/golden', 'test/data'] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] } },
    rules: {
      'no-console': 'error',
      'no-warning-comments': 'error',
      eqeqeq: ['error', 'always'],
      'prefer-const': 'error',
      // `const { keys, ...rest }` is how a record without its keys is written.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    // A component's props are declared with let: that is how Svelte knows what may be bound.
    files: ['**/*.svelte'],
    rules: { 'prefer-const': 'off', 'svelte/prefer-const': 'error' },
  },
  {
    // What runs in a terminal, or prints to the one that drives it, speaks through the console.
    files: ['vite.config.ts', 'test/**/*.{mjs,js}', 'test/bench/*.ts', '**/*.svelte'],
    rules: { 'no-restricted-exports': 'off', 'no-console': 'off' },
  },
);
