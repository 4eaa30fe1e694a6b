import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['gateway/**/*.test.ts', 'pricing/**/*.test.ts'],
    globalSetup: ['gateway/e2e/stores.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
})
