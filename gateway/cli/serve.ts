import { defineCommand } from 'citty'

/** `tollgate serve` */
export const serve = defineCommand({
  meta: {
    description: 'Starts the gateway and stays until it is stopped',
    examples: ['tollgate serve', 'PORT=9090 tollgate serve'],
  },
  run: async () => {
    // It starts on import, as `npm start` has it, and ends the process itself.
    await import('../main.ts')
  },
})
