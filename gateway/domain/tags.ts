/** What tags and metadata may be at most; who sends more by a name of ours is told so, by an alias is cut short. */
export const tagCharsMax = 256
export const metadataBytesMax = 4096
export const metadataMembersMax = 32

/** A value of metadata: nothing that holds others. */
export type Plain = string | number | boolean | null
