/** Small and quiet: one gateway's few sessions. What was acknowledged is on disk (synchronous_commit stays on). */
export const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '30',
  shared_buffers: '48MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // A failed statement and its details would bring rows, and with them people's data, into the log.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}
