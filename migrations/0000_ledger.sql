-- The ledger: one row per attempt of a call, the keys that may call, and values sealed by the master key.
-- A lock that does not come within 5 s is given up, so a long query never makes the gateway queue behind a migration.
SET LOCAL lock_timeout = '5s';
--> statement-breakpoint
CREATE SCHEMA IF NOT EXISTS tollgate;
--> statement-breakpoint
-- started_at is the time that the UUIDv7 `id` carries: a replay of a row lands in the same partition and conflicts.
CREATE TABLE tollgate.usage (
  id uuid NOT NULL,
  started_at timestamptz NOT NULL,
  call_id uuid NOT NULL,
  attempt integer NOT NULL,
  revision smallint NOT NULL,
  org_id text NOT NULL,
  key_id text NOT NULL,
  user_id text,
  feature text,
  agent_id text,
  agent_name text,
  framework text,
  request_type text,
  session_id text,
  group_name text,
  metadata jsonb,
  dialect text NOT NULL,
  endpoint text NOT NULL,
  stream boolean NOT NULL,
  requested_model text NOT NULL,
  connection_id text,
  provider text,
  model text,
  service_tier text,
  input_tokens bigint,
  cached_input_tokens bigint,
  cache_write_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  -- Unknown where neither half is known, and never at odds with them.
  total_tokens bigint GENERATED ALWAYS AS (
    CASE WHEN input_tokens IS NULL AND output_tokens IS NULL THEN NULL
         ELSE coalesce(input_tokens, 0) + coalesce(output_tokens, 0) END
  ) STORED,
  parts jsonb,
  usage_source text NOT NULL,
  usage_raw jsonb,
  finish_reason text,
  cost_nano_usd bigint,
  charge_nano_usd bigint,
  overrun_nano_usd bigint,
  provider_cost_nano_usd bigint,
  price_status text,
  price_version_id text,
  rates jsonb,
  success boolean NOT NULL,
  status text NOT NULL,
  flags text[] NOT NULL,
  http_status integer,
  error_code text,
  error_message text,
  response_time_ms double precision,
  first_token_ms double precision,
  overhead_ms double precision,
  tracked boolean NOT NULL,
  upstream_request_id text,
  inserted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (started_at, id),
  CONSTRAINT usage_revision_known CHECK (revision BETWEEN 0 AND 2),
  CONSTRAINT usage_attempt_counted CHECK (attempt >= 0),
  CONSTRAINT usage_status_known
    CHECK (status IN ('complete', 'client_closed', 'truncated', 'cut', 'failed', 'orphan', 'refused')),
  CONSTRAINT usage_source_known CHECK (usage_source IN ('provider', 'provider_partial', 'counted', 'none')),
  CONSTRAINT usage_price_status_known CHECK (price_status IN ('exact', 'alias', 'default', 'free', 'missing')),
  CONSTRAINT usage_flags_known CHECK (
    flags <@ ARRAY['usage_invalid', 'maybe_billed', 'limit_local', 'overrun', 'default_price', 'clamped']::text[]
  )
) PARTITION BY RANGE (started_at);
--> statement-breakpoint
CREATE INDEX usage_key ON tollgate.usage (key_id, started_at DESC);
--> statement-breakpoint
CREATE INDEX usage_connection ON tollgate.usage (connection_id, started_at);
--> statement-breakpoint
CREATE INDEX usage_call ON tollgate.usage (call_id);
--> statement-breakpoint
-- Rows arrive in the order of this column, so a summary per block range is enough to follow them.
CREATE INDEX usage_inserted ON tollgate.usage USING brin (inserted_at) WITH (autosummarize);
--> statement-breakpoint
-- For BI tools; stable. Columns are only ever added, at the end.
CREATE VIEW tollgate.usage_rows WITH (security_invoker = true) AS
SELECT
  id, call_id, attempt, started_at, org_id, key_id, user_id, feature, agent_id, agent_name, framework, request_type,
  session_id, group_name, metadata, dialect, endpoint, stream, requested_model, connection_id, provider, model,
  service_tier, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens,
  parts, usage_source, cost_nano_usd, charge_nano_usd, overrun_nano_usd,
  cost_nano_usd * 0.000000001 AS cost_usd,
  price_status, price_version_id,
  provider_cost_nano_usd * 0.000000001 AS provider_cost_usd,
  success, status, flags, http_status, error_code, error_message, response_time_ms, first_token_ms, overhead_ms, tracked
FROM tollgate.usage;
--> statement-breakpoint
COMMENT ON VIEW tollgate.usage_rows IS
  'One row per attempt of a call. Token columns are inclusive: input with cached and written, output with reasoning. NULL is unknown, never zero.';
--> statement-breakpoint
-- The secret itself is not kept. `hint` is the part of it that people may see.
CREATE TABLE tollgate.keys (
  id uuid PRIMARY KEY,
  slug text NOT NULL UNIQUE,
  secret_sha256 text NOT NULL UNIQUE,
  hint text NOT NULL,
  org_id text NOT NULL,
  user_id text,
  feature text,
  models text[] NOT NULL,
  allow_client_identity boolean NOT NULL DEFAULT false,
  limits jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT keys_secret_is_hashed CHECK (secret_sha256 ~ '^[A-Za-z0-9+/]{43}=$')
);
--> statement-breakpoint
-- Ciphertext only: the master key is not in the database.
CREATE TABLE tollgate.secrets (
  name text PRIMARY KEY,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
