import { defineCommand } from 'citty'
import { jsonOption } from './options.ts'

/** The whole tree. What a command needs is loaded when it is its turn. */
export const root = defineCommand({
  meta: {
    name: 'tollgate',
    description: 'An AI gateway that meters every token and dollar. Without a command: how things stand here.',
    examples: ['tollgate', 'tollgate usage tail'],
  },
  args: { json: jsonOption },
  subCommands: {
    serve: () => import('./serve.ts').then(({ serve }) => serve),
    quickstart: () => import('./quickstart.ts').then(({ quickstart }) => quickstart),
    connections: () => import('./connections.ts').then(({ connections }) => connections),
    monitor: () => import('./connections/monitor.ts').then(({ monitor }) => monitor),
    health: () => import('./connections/monitor.ts').then(({ monitor }) => monitor),
    keys: () => import('./keys.ts').then(({ keys }) => keys),
    usage: () => import('./usage.ts').then(({ usage }) => usage),
    prices: () => import('./prices.ts').then(({ prices }) => prices),
    bi: () => import('./bi.ts').then(({ bi }) => bi),
    verify: () => import('./verify.ts').then(({ verify }) => verify),
    doctor: () => import('./doctor.ts').then(({ doctor }) => doctor),
    migrate: () => import('./migrate.ts').then(({ migrate }) => migrate),
    config: () => import('./config.ts').then(({ config }) => config),
    version: () => import('./version.ts').then(({ version }) => version),
  },
  run: async ({ args }) => {
    const { showStatus } = await import('./status.ts')
    await showStatus(args)
  },
})
