import { ask, type Question, type View } from './raw-client.ts'

/** Does all of it, so many at a time. */
export async function inLanes<Item, Result>(
  lanes: number,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(items.length)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as Item)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return results
}

/** Asks the same so often. */
export function askMany(url: string, question: Question, count: number, lanes: number): Promise<readonly View[]> {
  return inLanes(lanes, Array.from({ length: count }), () => ask(url, question))
}
