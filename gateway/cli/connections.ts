import { defineCommand } from 'citty'

/** `tollgate connections …` */
export const connections = defineCommand({
  meta: {
    description: 'The ways to providers: what there is, how it is, and changes to it',
    examples: ['tollgate connections list', 'tollgate connections test --all'],
  },
  subCommands: {
    list: () => import('./connections/list.ts').then(({ list }) => list),
    show: () => import('./connections/show.ts').then(({ show }) => show),
    add: () => import('./connections/add.ts').then(({ add }) => add),
    test: () => import('./connections/test-call.ts').then(({ test }) => test),
    monitor: () => import('./connections/monitor.ts').then(({ monitor }) => monitor),
    enable: () => import('./connections/standing.ts').then(({ enable }) => enable),
    disable: () => import('./connections/standing.ts').then(({ disable }) => disable),
    drain: () => import('./connections/standing.ts').then(({ drain }) => drain),
    'rotate-key': () => import('./connections/rotate-key.ts').then(({ rotateKey }) => rotateKey),
    rm: () => import('./connections/rm.ts').then(({ rm }) => rm),
  },
})
