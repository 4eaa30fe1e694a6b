import { defineCommand } from 'citty'
import { version as release } from '../version.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'

/** `tollgate version` */
export const version = defineCommand({
  meta: {
    description: 'Prints the version',
    examples: ['tollgate version', 'tollgate version --json'],
  },
  args: { json: jsonOption },
  run: ({ args }) => {
    if (args.json) printJson({ version: release, node: process.versions.node })
    else print(release)
  },
})
