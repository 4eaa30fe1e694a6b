-- Sums over usage, kept by the database itself: whoever writes, corrects or deletes rows moves them by exactly that
-- much, in the same transaction. Beside them what is only known from rows as they come: spent budgets, users seen.
SET LOCAL lock_timeout = '5s';
--> statement-breakpoint
-- How many calls a row stands for: 1 for a call's last attempt, 0 for those before it, n for n folded refusals. Its sum
-- counts calls however rows are grouped. The previous release does not write it; of its rows each counts as a call.
ALTER TABLE tollgate.usage
  ADD COLUMN calls integer NOT NULL DEFAULT 1,
  ADD COLUMN budgets jsonb,
  ADD CONSTRAINT usage_calls_counted CHECK (calls >= 0);
--> statement-breakpoint
COMMENT ON COLUMN tollgate.usage.budgets IS
  'Budgets that the charge counts against: [{"budget", "subject", "window"}], as columns of tollgate.budget_spend.';
--> statement-breakpoint
UPDATE tollgate.usage AS earlier SET calls = 0
WHERE attempt > 0 AND EXISTS (
  SELECT FROM tollgate.usage AS later
  WHERE later.call_id = earlier.call_id AND later.attempt > earlier.attempt
);
--> statement-breakpoint
-- Whether rows say who a call was for; unset: as the next level has it (key, connection, installation).
ALTER TABLE tollgate.keys ADD COLUMN track_usage boolean;
--> statement-breakpoint
ALTER TABLE tollgate.connections ADD COLUMN track_usage boolean;
--> statement-breakpoint
CREATE INDEX usage_feature ON tollgate.usage (feature, started_at) WHERE feature IS NOT NULL;
--> statement-breakpoint
CREATE INDEX usage_user ON tollgate.usage (user_id, started_at) WHERE user_id IS NOT NULL;
--> statement-breakpoint
-- Few rows failed, and people look for just those.
CREATE INDEX usage_unsuccessful ON tollgate.usage (started_at) WHERE NOT success;
--> statement-breakpoint
CREATE OR REPLACE VIEW tollgate.usage_rows WITH (security_invoker = true) AS
SELECT
  id, call_id, attempt, started_at, org_id, key_id, user_id, feature, agent_id, agent_name, framework, request_type,
  session_id, group_name, metadata, dialect, endpoint, stream, requested_model, connection_id, provider, model,
  service_tier, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens,
  parts, usage_source, cost_nano_usd, charge_nano_usd, overrun_nano_usd,
  cost_nano_usd * 0.000000001 AS cost_usd,
  price_status, price_version_id,
  provider_cost_nano_usd * 0.000000001 AS provider_cost_usd,
  success, status, flags, http_status, error_code, error_message, response_time_ms, first_token_ms, overhead_ms, tracked,
  calls
FROM tollgate.usage;
--> statement-breakpoint
-- One row per call: how its last attempt ended, and the sums over all of them.
CREATE VIEW tollgate.calls WITH (security_invoker = true) AS
SELECT
  last.call_id AS id, all_of_it.started_at, last.org_id, last.key_id, last.user_id, last.feature, last.agent_id,
  last.agent_name, last.framework, last.request_type, last.session_id, last.group_name, last.metadata, last.dialect,
  last.endpoint, last.stream, last.requested_model, last.connection_id, last.provider, last.model,
  last.attempt AS attempts, last.calls, last.success, last.status, last.http_status, last.error_code,
  last.error_message, last.tracked,
  all_of_it.input_tokens, all_of_it.output_tokens, all_of_it.total_tokens, all_of_it.cost_nano_usd,
  all_of_it.charge_nano_usd, all_of_it.unpriced, all_of_it.response_time_ms
FROM tollgate.usage AS last
CROSS JOIN LATERAL (
  SELECT
    min(started_at) AS started_at,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(total_tokens)::bigint AS total_tokens,
    sum(cost_nano_usd)::bigint AS cost_nano_usd,
    sum(charge_nano_usd)::bigint AS charge_nano_usd,
    count(*) FILTER (WHERE price_status = 'missing') AS unpriced,
    -- From the first attempt's beginning to the last one's end.
    extract(epoch FROM last.started_at - min(started_at)) * 1000 + last.response_time_ms AS response_time_ms
  FROM tollgate.usage AS attempt
  WHERE attempt.call_id = last.call_id
    -- No call that is answered while its client waits lasts a day: one partition or two are looked at.
    AND attempt.started_at BETWEEN last.started_at - interval '1 day' AND last.started_at
) AS all_of_it
WHERE last.calls > 0;
--> statement-breakpoint
-- A series is one combination of labels. Its id is a hash of them, so that whoever writes knows it without asking.
CREATE TABLE tollgate.series (
  id uuid PRIMARY KEY,
  org_id text NOT NULL,
  key_id text NOT NULL,
  connection_id text,
  provider text,
  model text,
  requested_model text NOT NULL,
  feature text,
  agent_id text,
  agent_name text,
  framework text,
  request_type text,
  stream boolean NOT NULL,
  usage_source text NOT NULL,
  status text NOT NULL,
  error_code text,
  -- Unknown in the levels that do not tell users apart.
  user_id text
);
--> statement-breakpoint
CREATE INDEX series_user ON tollgate.series (user_id) WHERE user_id IS NOT NULL;
--> statement-breakpoint
CREATE INDEX series_key ON tollgate.series (key_id);
--> statement-breakpoint
-- Sums of a quarter of an hour or of a day in UTC. There are many users and few of everything else, so each is kept
-- twice: with users told apart, and without. Every column but the two times is a sum over rows, so that what a row
-- brought can be taken back. `…_known` counts the rows that say it: a sum of none is unknown, not zero.
CREATE TABLE tollgate.rollups (
  level text NOT NULL,
  at timestamptz NOT NULL,
  series_id uuid NOT NULL,
  org_id text NOT NULL,
  rows bigint NOT NULL,
  calls bigint NOT NULL,
  attempts bigint NOT NULL,
  successes bigint NOT NULL,
  refused bigint NOT NULL,
  fallbacks bigint NOT NULL,
  unpriced bigint NOT NULL,
  estimated bigint NOT NULL,
  input_tokens bigint NOT NULL,
  input_known bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  cached_input_known bigint NOT NULL,
  cache_write_tokens bigint NOT NULL,
  cache_write_known bigint NOT NULL,
  output_tokens bigint NOT NULL,
  output_known bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  reasoning_known bigint NOT NULL,
  cost_nano_usd bigint NOT NULL,
  cost_known bigint NOT NULL,
  charge_nano_usd bigint NOT NULL,
  charge_known bigint NOT NULL,
  overrun_nano_usd bigint NOT NULL,
  provider_cost_nano_usd bigint NOT NULL,
  provider_cost_known bigint NOT NULL,
  -- By how much providers state more than our prices make of the same rows.
  drift_nano_usd bigint NOT NULL,
  drift_known bigint NOT NULL,
  response_ms bigint NOT NULL,
  response_known bigint NOT NULL,
  first_token_ms bigint NOT NULL,
  first_token_known bigint NOT NULL,
  overhead_us bigint NOT NULL,
  overhead_known bigint NOT NULL,
  -- Output of streams and the time from their first token to their end: tokens per second.
  streamed_tokens bigint NOT NULL,
  streaming_ms bigint NOT NULL,
  -- Where users are not told apart: how many rows fell into each step of tollgate.duration_step.
  response_histogram integer[],
  first_token_histogram integer[],
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (level, at, series_id),
  CONSTRAINT rollups_level_known CHECK (level IN ('15m', 'day', 'user_15m', 'user_day'))
) PARTITION BY LIST (level);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_15m PARTITION OF tollgate.rollups FOR VALUES IN ('15m') PARTITION BY RANGE (at);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_day PARTITION OF tollgate.rollups FOR VALUES IN ('day') PARTITION BY RANGE (at);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_user_15m PARTITION OF tollgate.rollups FOR VALUES IN ('user_15m') PARTITION BY RANGE (at);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_user_day PARTITION OF tollgate.rollups FOR VALUES IN ('user_day') PARTITION BY RANGE (at);
--> statement-breakpoint
-- One user's chart must not read everybody's quarters.
CREATE INDEX rollups_user_15m_series ON tollgate.rollups_user_15m (series_id, at);
--> statement-breakpoint
CREATE INDEX rollups_user_day_series ON tollgate.rollups_user_day (series_id, at);
--> statement-breakpoint
-- Eight steps to a doubling: a step is 9 % wide. Step 0 is all below 1 ms, step 200 all above eight and a half hours. What
-- is unknown has none: least() alone would put it into the last.
CREATE FUNCTION tollgate.duration_step(ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN ms < 1 THEN 0 WHEN ms >= 1 THEN least(floor(ln(ms) / ln(2::double precision) * 8) + 1, 200)::integer END;
--> statement-breakpoint
-- Counts steps: those below zero are taken back (step n as -n - 1). The array's bounds are those of what it holds.
CREATE FUNCTION tollgate.histogram_of(steps integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  counts integer[];
  step integer;
  way integer;
BEGIN
  FOREACH step IN ARRAY steps LOOP
    CONTINUE WHEN step IS NULL;
    way := CASE WHEN step < 0 THEN -1 ELSE 1 END;
    IF step < 0 THEN step := -step - 1; END IF;
    counts[step] := coalesce(counts[step], 0) + way;
  END LOOP;
  RETURN counts;
END
$$;
--> statement-breakpoint
CREATE FUNCTION tollgate.histograms_added(one integer[], other integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF one IS NULL THEN RETURN other; END IF;
  IF other IS NULL THEN RETURN one; END IF;
  FOR step IN array_lower(other, 1) .. array_upper(other, 1) LOOP
    one[step] := coalesce(one[step], 0) + coalesce(other[step], 0);
  END LOOP;
  RETURN one;
END
$$;
--> statement-breakpoint
CREATE AGGREGATE tollgate.histogram_sum(integer[]) (
  SFUNC = tollgate.histograms_added, STYPE = integer[], COMBINEFUNC = tollgate.histograms_added, PARALLEL = SAFE
);
--> statement-breakpoint
-- What each subject has spent of a budget in each of its windows. It outlives the rows.
CREATE TABLE tollgate.budget_spend (
  budget text NOT NULL,
  subject text NOT NULL,
  "window" text NOT NULL,
  org_id text NOT NULL,
  settled_nano_usd bigint NOT NULL,
  PRIMARY KEY (budget, subject, "window")
);
--> statement-breakpoint
-- When each user was first and last seen; the last time is up to five minutes behind.
CREATE TABLE tollgate.users_seen (
  org_id text NOT NULL,
  user_id text NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
--> statement-breakpoint
CREATE INDEX users_seen_first ON tollgate.users_seen (first_seen_at);
--> statement-breakpoint
-- Rows that could not be stored as they were, as they came: visible, and written again once the reason is gone.
CREATE TABLE tollgate.quarantine (
  id uuid PRIMARY KEY,
  quarantined_at timestamptz NOT NULL,
  reason text NOT NULL,
  row text NOT NULL
);
--> statement-breakpoint
-- Who changed what. Written in the transaction of the change; never changed itself.
CREATE TABLE tollgate.audit_log (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  org_id text,
  actor text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);
--> statement-breakpoint
CREATE INDEX audit_log_at ON tollgate.audit_log (at DESC);
--> statement-breakpoint
-- The statement that adds changes of usage to the sums. `changed` is a query for rows of usage with a `sign`: 1 for one
-- that came, -1 for one that went. A text, because what a trigger sees changed is seen by its own function alone.
CREATE FUNCTION tollgate.rollup_statement(changed text) RETURNS text
LANGUAGE sql IMMUTABLE AS $function$
SELECT replace($statement$
WITH changed AS (
  SELECT *,
    date_bin('15 minutes', started_at, 'epoch') AS quarter,
    date_bin('1 day', started_at, 'epoch') AS day,
    tollgate.duration_step(response_time_ms) AS response_step,
    tollgate.duration_step(first_token_ms) AS first_token_step
  FROM ([changed]) AS given
),
summed AS (
  SELECT
    CASE WHEN grouping(user_id) = 1 THEN '' ELSE 'user_' END
      || CASE WHEN grouping(quarter) = 1 THEN 'day' ELSE '15m' END AS level,
    CASE WHEN grouping(quarter) = 1 THEN day ELSE quarter END AS at,
    CASE WHEN grouping(user_id) = 1 THEN ROW(
      org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
      request_type, stream, usage_source, status, error_code
    )::text ELSE ROW(
      org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
      request_type, stream, usage_source, status, error_code,
      user_id
    )::text END AS labels,
    org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
    request_type, stream, usage_source, status, error_code,
    user_id,
    sum(sign) AS rows,
    sum(sign * calls) AS calls,
    coalesce(sum(sign) FILTER (WHERE attempt > 0), 0) AS attempts,
    coalesce(sum(sign) FILTER (WHERE success), 0) AS successes,
    coalesce(sum(sign * calls) FILTER (WHERE status = 'refused'), 0) AS refused,
    coalesce(sum(sign) FILTER (WHERE calls > 0 AND attempt > 1), 0) AS fallbacks,
    coalesce(sum(sign) FILTER (WHERE price_status = 'missing'), 0) AS unpriced,
    coalesce(sum(sign) FILTER (WHERE usage_source IN ('counted', 'provider_partial')), 0) AS estimated,
    coalesce(sum(sign * input_tokens), 0) AS input_tokens,
    coalesce(sum(sign) FILTER (WHERE input_tokens IS NOT NULL), 0) AS input_known,
    coalesce(sum(sign * cached_input_tokens), 0) AS cached_input_tokens,
    coalesce(sum(sign) FILTER (WHERE cached_input_tokens IS NOT NULL), 0) AS cached_input_known,
    coalesce(sum(sign * cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(sign) FILTER (WHERE cache_write_tokens IS NOT NULL), 0) AS cache_write_known,
    coalesce(sum(sign * output_tokens), 0) AS output_tokens,
    coalesce(sum(sign) FILTER (WHERE output_tokens IS NOT NULL), 0) AS output_known,
    coalesce(sum(sign * reasoning_tokens), 0) AS reasoning_tokens,
    coalesce(sum(sign) FILTER (WHERE reasoning_tokens IS NOT NULL), 0) AS reasoning_known,
    coalesce(sum(sign * cost_nano_usd), 0) AS cost_nano_usd,
    coalesce(sum(sign) FILTER (WHERE cost_nano_usd IS NOT NULL), 0) AS cost_known,
    coalesce(sum(sign * charge_nano_usd), 0) AS charge_nano_usd,
    coalesce(sum(sign) FILTER (WHERE charge_nano_usd IS NOT NULL), 0) AS charge_known,
    coalesce(sum(sign * overrun_nano_usd), 0) AS overrun_nano_usd,
    coalesce(sum(sign * provider_cost_nano_usd), 0) AS provider_cost_nano_usd,
    coalesce(sum(sign) FILTER (WHERE provider_cost_nano_usd IS NOT NULL), 0) AS provider_cost_known,
    coalesce(sum(sign * (provider_cost_nano_usd - cost_nano_usd)), 0) AS drift_nano_usd,
    coalesce(sum(sign) FILTER (WHERE provider_cost_nano_usd IS NOT NULL AND cost_nano_usd IS NOT NULL), 0) AS drift_known,
    coalesce(sum(sign * round(response_time_ms)), 0) AS response_ms,
    coalesce(sum(sign) FILTER (WHERE response_time_ms IS NOT NULL), 0) AS response_known,
    coalesce(sum(sign * round(first_token_ms)), 0) AS first_token_ms,
    coalesce(sum(sign) FILTER (WHERE first_token_ms IS NOT NULL), 0) AS first_token_known,
    coalesce(sum(sign * round(overhead_ms * 1000)), 0) AS overhead_us,
    coalesce(sum(sign) FILTER (WHERE overhead_ms IS NOT NULL), 0) AS overhead_known,
    coalesce(sum(sign * output_tokens) FILTER (WHERE first_token_ms < response_time_ms), 0) AS streamed_tokens,
    coalesce(sum(sign * round(response_time_ms - first_token_ms))
      FILTER (WHERE first_token_ms < response_time_ms AND output_tokens IS NOT NULL), 0) AS streaming_ms,
    CASE WHEN grouping(user_id) = 1 THEN tollgate.histogram_of(
      array_agg(CASE sign WHEN 1 THEN response_step ELSE -1 - response_step END)
        FILTER (WHERE response_step IS NOT NULL)
    ) END AS response_histogram,
    CASE WHEN grouping(user_id) = 1 THEN tollgate.histogram_of(
      array_agg(CASE sign WHEN 1 THEN first_token_step ELSE -1 - first_token_step END)
        FILTER (WHERE first_token_step IS NOT NULL)
    ) END AS first_token_histogram,
    min(started_at) AS first_at,
    max(started_at) AS last_at
  FROM changed
  GROUP BY
    org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
    request_type, stream, usage_source, status, error_code,
    GROUPING SETS ((quarter), (quarter, user_id), (day), (day, user_id))
),
named AS MATERIALIZED (
  SELECT *, encode(substring(sha256(convert_to(labels, 'UTF8')) FOR 16), 'hex')::uuid AS series_id FROM summed
),
listed AS (
  INSERT INTO tollgate.series (
    id,
    org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
    request_type, stream, usage_source, status, error_code,
    user_id
  )
  SELECT DISTINCT ON (series_id)
    series_id,
    org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name, framework,
    request_type, stream, usage_source, status, error_code,
    user_id
  FROM named
  ORDER BY series_id
  ON CONFLICT (id) DO NOTHING
)
INSERT INTO tollgate.rollups AS old (
  level, at, series_id, org_id, rows, calls, attempts, successes, refused, fallbacks, unpriced, estimated,
  input_tokens, input_known, cached_input_tokens, cached_input_known, cache_write_tokens, cache_write_known,
  output_tokens, output_known, reasoning_tokens, reasoning_known, cost_nano_usd, cost_known, charge_nano_usd,
  charge_known, overrun_nano_usd, provider_cost_nano_usd, provider_cost_known, drift_nano_usd, drift_known,
  response_ms, response_known, first_token_ms, first_token_known, overhead_us, overhead_known, streamed_tokens,
  streaming_ms, response_histogram, first_token_histogram, first_at, last_at
)
SELECT
  level, at, series_id, org_id, rows, calls, attempts, successes, refused, fallbacks, unpriced, estimated,
  input_tokens, input_known, cached_input_tokens, cached_input_known, cache_write_tokens, cache_write_known,
  output_tokens, output_known, reasoning_tokens, reasoning_known, cost_nano_usd, cost_known, charge_nano_usd,
  charge_known, overrun_nano_usd, provider_cost_nano_usd, provider_cost_known, drift_nano_usd, drift_known,
  response_ms, response_known, first_token_ms, first_token_known, overhead_us, overhead_known, streamed_tokens,
  streaming_ms, response_histogram, first_token_histogram, first_at, last_at
FROM named
ORDER BY level, at, series_id
ON CONFLICT (level, at, series_id) DO UPDATE SET
  rows = old.rows + excluded.rows,
  calls = old.calls + excluded.calls,
  attempts = old.attempts + excluded.attempts,
  successes = old.successes + excluded.successes,
  refused = old.refused + excluded.refused,
  fallbacks = old.fallbacks + excluded.fallbacks,
  unpriced = old.unpriced + excluded.unpriced,
  estimated = old.estimated + excluded.estimated,
  input_tokens = old.input_tokens + excluded.input_tokens,
  input_known = old.input_known + excluded.input_known,
  cached_input_tokens = old.cached_input_tokens + excluded.cached_input_tokens,
  cached_input_known = old.cached_input_known + excluded.cached_input_known,
  cache_write_tokens = old.cache_write_tokens + excluded.cache_write_tokens,
  cache_write_known = old.cache_write_known + excluded.cache_write_known,
  output_tokens = old.output_tokens + excluded.output_tokens,
  output_known = old.output_known + excluded.output_known,
  reasoning_tokens = old.reasoning_tokens + excluded.reasoning_tokens,
  reasoning_known = old.reasoning_known + excluded.reasoning_known,
  cost_nano_usd = old.cost_nano_usd + excluded.cost_nano_usd,
  cost_known = old.cost_known + excluded.cost_known,
  charge_nano_usd = old.charge_nano_usd + excluded.charge_nano_usd,
  charge_known = old.charge_known + excluded.charge_known,
  overrun_nano_usd = old.overrun_nano_usd + excluded.overrun_nano_usd,
  provider_cost_nano_usd = old.provider_cost_nano_usd + excluded.provider_cost_nano_usd,
  provider_cost_known = old.provider_cost_known + excluded.provider_cost_known,
  drift_nano_usd = old.drift_nano_usd + excluded.drift_nano_usd,
  drift_known = old.drift_known + excluded.drift_known,
  response_ms = old.response_ms + excluded.response_ms,
  response_known = old.response_known + excluded.response_known,
  first_token_ms = old.first_token_ms + excluded.first_token_ms,
  first_token_known = old.first_token_known + excluded.first_token_known,
  overhead_us = old.overhead_us + excluded.overhead_us,
  overhead_known = old.overhead_known + excluded.overhead_known,
  streamed_tokens = old.streamed_tokens + excluded.streamed_tokens,
  streaming_ms = old.streaming_ms + excluded.streaming_ms,
  response_histogram = tollgate.histograms_added(old.response_histogram, excluded.response_histogram),
  first_token_histogram = tollgate.histograms_added(old.first_token_histogram, excluded.first_token_histogram),
  first_at = least(old.first_at, excluded.first_at),
  last_at = greatest(old.last_at, excluded.last_at)
$statement$, '[changed]', changed)
$function$;
--> statement-breakpoint
-- One writer at a time adds to the sums: all want the rows of this very quarter anyway, and so none can wait in a circle.
CREATE FUNCTION tollgate.usage_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed constant text := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM added'
    WHEN 'DELETE' THEN 'SELECT -1 AS sign, * FROM removed'
    ELSE 'SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed'
  END;
  many boolean;
BEGIN
  -- An upsert fires for its inserts and for its updates, whether there were any or not.
  IF TG_OP = 'DELETE' THEN many := EXISTS (SELECT FROM removed); ELSE many := EXISTS (SELECT FROM added); END IF;
  IF NOT many THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock(7461003);
  EXECUTE tollgate.rollup_statement(changed);
  EXECUTE replace($statement$
    INSERT INTO tollgate.budget_spend AS old (budget, subject, "window", org_id, settled_nano_usd)
    SELECT share.budget, share.subject, share."window", min(changed.org_id), sum(changed.sign * changed.charge_nano_usd)
    FROM ([changed]) AS changed
    CROSS JOIN LATERAL jsonb_to_recordset(changed.budgets) AS share (budget text, subject text, "window" text)
    WHERE changed.budgets IS NOT NULL AND changed.charge_nano_usd IS NOT NULL
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (budget, subject, "window")
    DO UPDATE SET settled_nano_usd = old.settled_nano_usd + excluded.settled_nano_usd
  $statement$, '[changed]', changed);
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO tollgate.users_seen AS seen (org_id, user_id, first_seen_at, last_seen_at)
    SELECT org_id, user_id, min(started_at), max(started_at) FROM added
    WHERE user_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (org_id, user_id) DO UPDATE SET
      first_seen_at = least(seen.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(seen.last_seen_at, excluded.last_seen_at)
    -- A user at work would otherwise be written anew with every batch.
    WHERE excluded.last_seen_at > seen.last_seen_at + interval '5 minutes' OR excluded.first_seen_at < seen.first_seen_at;
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER usage_inserted AFTER INSERT ON tollgate.usage
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_changed();
--> statement-breakpoint
CREATE TRIGGER usage_updated AFTER UPDATE ON tollgate.usage
  REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_changed();
--> statement-breakpoint
CREATE TRIGGER usage_deleted AFTER DELETE ON tollgate.usage
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_changed();
--> statement-breakpoint
-- Makes what rows of these days (in UTC) need: a day of usage, a month of each level of the sums. One process at a time;
-- what is there already stays. Partitions are made apart and attached: CREATE TABLE … PARTITION OF would wait for every
-- reader of the table, and all others behind it.
CREATE FUNCTION tollgate.make_partitions(days date[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wanted record;
BEGIN
  PERFORM pg_advisory_xact_lock(7461002);
  FOR wanted IN
    SELECT 'usage' AS parent, 'usage_' || to_char(day, 'YYYYMMDD') AS name, day AS first, day + 1 AS next, '' AS storage
    FROM unnest(days) AS day
    UNION
    SELECT parent, parent || '_' || to_char(day, 'YYYYMM'), date_trunc('month', day)::date,
      (date_trunc('month', day) + interval '1 month')::date,
      -- Sums of the current quarter are written over and over: room for that beside them.
      'WITH (fillfactor = 70)'
    FROM unnest(days) AS day, unnest(ARRAY['rollups_15m', 'rollups_day', 'rollups_user_15m', 'rollups_user_day']) AS parent
    ORDER BY 2
  LOOP
    CONTINUE WHEN to_regclass('tollgate.' || wanted.name) IS NOT NULL;
    EXECUTE format('CREATE TABLE tollgate.%I (LIKE tollgate.%I INCLUDING ALL) %s', wanted.name, wanted.parent, wanted.storage);
    EXECUTE format('ALTER TABLE tollgate.%I ATTACH PARTITION tollgate.%I FOR VALUES FROM (%L) TO (%L)',
      wanted.parent, wanted.name, wanted.first || ' 00:00:00+00', wanted.next || ' 00:00:00+00');
    -- Without policies nobody comes in but through the table.
    EXECUTE format('ALTER TABLE tollgate.%I ENABLE ROW LEVEL SECURITY', wanted.name);
    EXECUTE format('ALTER TABLE tollgate.%I FORCE ROW LEVEL SECURITY', wanted.name);
  END LOOP;
END
$$;
--> statement-breakpoint
-- What is there is summed now.
DO $$
BEGIN
  PERFORM tollgate.make_partitions(array_agg(DISTINCT (started_at AT TIME ZONE 'UTC')::date)) FROM tollgate.usage;
  EXECUTE tollgate.rollup_statement('SELECT 1 AS sign, * FROM tollgate.usage');
  INSERT INTO tollgate.users_seen
  SELECT org_id, user_id, min(started_at), max(started_at) FROM tollgate.usage WHERE user_id IS NOT NULL GROUP BY 1, 2;
END
$$;
