import { expect, test } from 'vitest'
import { isTracked } from './tracking.ts'

// Every combination there is, as people read the rule: `-` says nothing. [S3-02] [S3-03] [S3-04] [S3-05] [S3-06]
const table = `
  request  key   connection  installation  tracked
  on       on    on          on            on
  on       on    off         on            on
  on       on    -           on            on
  on       off   on          on            on
  on       off   off         on            on
  on       off   -           on            on
  on       -     on          on            on
  on       -     off         on            on
  on       -     -           on            on
  off      on    on          on            off
  off      on    off         on            off
  off      on    -           on            off
  off      off   on          on            off
  off      off   off         on            off
  off      off   -           on            off
  off      -     on          on            off
  off      -     off         on            off
  off      -     -           on            off
  -        on    on          on            on
  -        on    off         on            on
  -        on    -           on            on
  -        off   on          on            off
  -        off   off         on            off
  -        off   -           on            off
  -        -     on          on            on
  -        -     off         on            off
  -        -     -           on            on
  on       on    on          off           on
  on       on    off         off           on
  on       on    -           off           on
  on       off   on          off           on
  on       off   off         off           on
  on       off   -           off           on
  on       -     on          off           on
  on       -     off         off           on
  on       -     -           off           on
  off      on    on          off           off
  off      on    off         off           off
  off      on    -           off           off
  off      off   on          off           off
  off      off   off         off           off
  off      off   -           off           off
  off      -     on          off           off
  off      -     off         off           off
  off      -     -           off           off
  -        on    on          off           on
  -        on    off         off           on
  -        on    -           off           on
  -        off   on          off           off
  -        off   off         off           off
  -        off   -           off           off
  -        -     on          off           on
  -        -     off         off           off
  -        -     -           off           off
`

const said: Readonly<Record<string, boolean | undefined>> = { on: true, off: false, '-': undefined }
const combinations = table
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(/ +/))

test('the table has every combination once', () => {
  expect(new Set(combinations.map((words) => words.slice(0, 4).join())).size).toBe(3 * 3 * 3 * 2)
  expect(combinations).toHaveLength(54)
})

test.each(combinations)('[S3-05] request %s, key %s, connection %s, installation %s: tracking is %s', (...words) => {
  const [request, key, connection, installation, tracked] = words.map((word) => said[word])
  expect(isTracked({ request, key, connection, installation: installation === true })).toBe(tracked)
})
