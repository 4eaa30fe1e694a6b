/** `npm run bench:ledger`: rows through the writer's own SQL into a real PostgreSQL, and what people then ask of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { migrationsFolder } from '../../../assemble-ledger.ts'
import { systemClock } from '../../../domain/clock.ts'
import { claimDataDir } from '../../../ledger/data-dir.ts'
import { openDatabase } from '../../../ledger/database.ts'
import { openEmbedded } from '../../../ledger/embedded/open.ts'
import { migrate } from '../../../ledger/migrations/migrations.ts'
import { openLog } from '../../../observe/log.ts'
import { fill } from './fill.ts'
import { askAll } from './questions.ts'
import { sizesOf } from './sizes.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    days: { type: 'string', default: '90' },
    batch: { type: 'string', default: '5000' },
    lanes: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
})

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
const opened = new AsyncDisposableStack()
if (values.keep === undefined) opened.defer(() => rmSync(folder, { recursive: true, force: true }))
try {
  const home = claimDataDir(folder, systemClock)
  opened.defer(() => home.release())
  const embedded = await openEmbedded({ home, clock: systemClock, log: openLog('warn') })
  opened.defer(() => embedded.close())
  const database = openDatabase(embedded.address)
  opened.defer(() => database.close())
  await migrate(database, migrationsFolder)
  const traffic = {
    rows: Number(values.rows),
    days: Number(values.days),
    end: systemClock.now(),
    seed: Number(values.seed),
  }
  await fill(database, traffic, { batch: Number(values.batch), lanes: Number(values.lanes) })
  await sizesOf(database)
  await askAll(database, traffic)
} finally {
  await opened.disposeAsync()
}
