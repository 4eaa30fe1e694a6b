import type { Migration } from './migration-files.ts'

/** What applying a migration would do, as far as its text tells. */
export interface MigrationPlan {
  readonly name: string
  /** What the file says of itself, first. */
  readonly about: string
  readonly statements: number
  /** Tables that were there before. */
  readonly touches: readonly TouchedTable[]
  /** Tables and views that it makes. */
  readonly makes: readonly string[]
  /** Blocks of code, whose tables are known when they run. */
  readonly blocks: number
  readonly destructive: readonly DestructiveStatement[]
}

export interface TouchedTable {
  readonly table: string
  readonly lock: Lock
}

/** Who waits while the migration runs: nobody, writers, or everybody. */
export type Lock = 'none' | 'writers' | 'everybody'

export interface DestructiveStatement {
  readonly statement: string
  /** Why it may, from its comment `-- destroys: …`. */
  readonly reason: string | undefined
}

/** Plans of migrations that would be applied one after the other. */
export function plansOf(migrations: readonly Migration[]): readonly MigrationPlan[] {
  const made = new Set<string>()
  return migrations.map((migration) => planOf(migration, made))
}

function planOf({ name, statements }: Migration, made: Set<string>): MigrationPlan {
  const bare = statements.map(code).filter((statement) => statement !== '')
  const makes = bare.flatMap(madeBy)
  const touches = new Map<string, Lock>()
  for (const { table, lock } of bare.flatMap(touchedBy)) {
    // What came with the file, or with one before it that is not applied either, nobody waits for.
    if (made.has(table) || makes.includes(table)) continue
    if (rank[lock] >= rank[touches.get(table) ?? 'none']) touches.set(table, lock)
  }
  for (const table of makes) made.add(table)
  return {
    name,
    about: leadingComment(statements[0] ?? ''),
    statements: bare.length,
    touches: [...touches].map(([table, lock]) => ({ table, lock })),
    makes: makes.filter((table) => !touches.has(table)),
    blocks: bare.filter((statement) => /^DO\b/i.test(statement)).length,
    destructive: statements.flatMap(destructive),
  }
}

const rank: Readonly<Record<Lock, number>> = { none: 0, writers: 1, everybody: 2 }

/** Its first sentence. */
function leadingComment(statement: string): string {
  const [comment = ''] = /^(?:--.*\n)*/.exec(statement.trimStart()) ?? []
  const text = comment.replace(/^-- ?/gm, '').replaceAll(/\s+/g, ' ').trim()
  return text.split(/(?<=\.) /)[0] ?? text
}

/** A statement without its comments and the words in it that are data. */
function code(statement: string): string {
  return statement
    .replace(/--.*$/gm, '')
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .trim()
}

const table = String.raw`(?:ONLY\s+)?(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:tollgate\.)?"?(\w+)"?`

function madeBy(statement: string): readonly string[] {
  const [, name] =
    new RegExp(String.raw`^CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW)\s+${table}`, 'i').exec(statement) ?? []
  return name ? [name] : []
}

// As PostgreSQL's manual has it under "Explicit Locking".
const shapes: readonly { readonly shape: RegExp; readonly lock: Lock }[] = [
  { shape: new RegExp(String.raw`^(?:ALTER|DROP)\s+(?:TABLE|VIEW)\s+${table}`, 'i'), lock: 'everybody' },
  { shape: new RegExp(String.raw`^CREATE\s+OR\s+REPLACE\s+VIEW\s+${table}`, 'i'), lock: 'everybody' },
  { shape: new RegExp(String.raw`^TRUNCATE\s+(?:TABLE\s+)?${table}`, 'i'), lock: 'everybody' },
  { shape: new RegExp(String.raw`^(?:CREATE|ALTER|DROP)\s+POLICY\s+\S+\s+ON\s+${table}`, 'i'), lock: 'everybody' },
  { shape: new RegExp(String.raw`^DROP\s+TRIGGER\s+.*?\sON\s+${table}`, 'is'), lock: 'everybody' },
  { shape: new RegExp(String.raw`^CREATE\s+(?:UNIQUE\s+)?INDEX\s.*?\sON\s+${table}`, 'is'), lock: 'writers' },
  { shape: new RegExp(String.raw`^CREATE\s+TRIGGER\s.*?\sON\s+${table}`, 'is'), lock: 'writers' },
  { shape: new RegExp(String.raw`^(?:UPDATE|INSERT\s+INTO|DELETE\s+FROM)\s+${table}`, 'i'), lock: 'none' },
]

function touchedBy(statement: string): readonly TouchedTable[] {
  const found = shapes.flatMap(({ shape, lock }) => {
    const [, name] = shape.exec(statement) ?? []
    return name ? [{ table: name, lock }] : []
  })
  return [...found, ...partitionOf(statement)]
}

function partitionOf(statement: string): readonly TouchedTable[] {
  const [, name] = new RegExp(String.raw`\bPARTITION\s+OF\s+${table}`, 'i').exec(statement) ?? []
  return name ? [{ table: name, lock: 'everybody' }] : []
}

const losing =
  /\b(?:DROP\s+(?:TABLE|SCHEMA|COLUMN|DATABASE|OWNED|MATERIALIZED\s+VIEW)\b|DELETE\s+FROM\b|TRUNCATE\s+(?:TABLE\s+)?(?!ON\b)["\w])/i
// What happens later, by a call or an event, is not what the migration does.
const later = /^CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|TRIGGER)\b/i

function destructive(text: string): readonly DestructiveStatement[] {
  const statement = text.replace(/--.*$/gm, '').trim()
  const loses =
    losing.test(code(text)) || (/^DO\b/i.test(statement) && losing.test(statement)) || dropsColumn(statement)
  if (!loses || later.test(statement)) return []
  const [, reason] = /^-- destroys: (.+)$/m.exec(text) ?? []
  return [{ statement: statement.replaceAll(/\s+/g, ' '), reason }]
}

// The word COLUMN may be left out.
function dropsColumn(statement: string): boolean {
  return (
    /^ALTER\s+TABLE\b/i.test(statement) &&
    /\bDROP\s+(?!CONSTRAINT|DEFAULT|NOT|EXPRESSION|IDENTITY)\w/i.test(code(statement))
  )
}
