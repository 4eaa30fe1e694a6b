export async function micro(): Promise<string> {
  return ''
}
