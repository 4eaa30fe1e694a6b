import { defineCommand } from 'citty'

/** `tollgate prices …` */
export const prices = defineCommand({
  meta: {
    description: 'What models cost: the price list, your own prices over it, and how far providers say otherwise',
    examples: ['tollgate prices show gpt-4o-mini', 'tollgate prices show --unpriced'],
  },
  subCommands: {
    show: () => import('./prices/show.ts').then(({ show }) => show),
    set: () => import('./prices/set.ts').then(({ set }) => set),
    withdraw: () => import('./prices/withdraw.ts').then(({ withdraw }) => withdraw),
    overrides: () => import('./prices/overrides.ts').then(({ overrides }) => overrides),
    drift: () => import('./prices/drift.ts').then(({ drift }) => drift),
  },
})
