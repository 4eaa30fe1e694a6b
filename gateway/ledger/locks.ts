// Advisory locks belong to the whole database, and SQL has them too: a number is never changed, nor used for anything else.
// All are held by a transaction, for a pooler keeps no session's locks.

/** Who applies migrations. No SQL has it. */
export const migrating = 7_461_001

/** Who makes partitions, or says since when there are any: `tollgate.make_partitions` of 0002_rollups.sql has it too. */
export const makingPartitions = 7_461_002

/** Who adds to sums, which is whoever writes rows: the triggers of 0002_rollups.sql on `tollgate.usage` have it too. */
export const addingToSums = 7_461_003

/** Who drops old usage. No SQL has it. */
export const droppingOld = 7_461_004

/** Who makes a budget's spending anew from rows. No SQL has it. */
export const repairing = 7_461_005
