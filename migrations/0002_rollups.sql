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
-- Labels of all series that name no user are read for most answers, and they are few.
CREATE INDEX series_of_none ON tollgate.series (id) WHERE user_id IS NULL;
--> statement-breakpoint
-- Sums of a quarter of an hour or of a day in UTC. There are many users and few of everything else, so each is kept
-- twice: with users told apart, and without; and without also of six hours, which a day of another zone is made of. Every column but the two times is a sum over rows, so that what a row
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
  CONSTRAINT rollups_level_known CHECK (level IN ('15m', '6h', 'day', 'user_15m', 'user_day'))
) PARTITION BY LIST (level);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_15m PARTITION OF tollgate.rollups FOR VALUES IN ('15m') PARTITION BY RANGE (at);
--> statement-breakpoint
CREATE TABLE tollgate.rollups_6h PARTITION OF tollgate.rollups FOR VALUES IN ('6h') PARTITION BY RANGE (at);
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
-- Whether a series has sums at all: there are those of days wherever there are those of quarters.
CREATE INDEX rollups_day_series ON tollgate.rollups_day (series_id, at);
--> statement-breakpoint
CREATE INDEX rollups_15m_series ON tollgate.rollups_15m (series_id, at);
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
-- Rows that could not be stored as they were, as they came: visible, and tried again when somebody asks for it.
CREATE TABLE tollgate.quarantine (
  id uuid PRIMARY KEY,
  quarantined_at timestamptz NOT NULL,
  reason text NOT NULL,
  row text NOT NULL
);
--> statement-breakpoint
-- Who changed what, so far of prices, BI logins and recorded usage. Written in the transaction of the change; never
-- changed itself.
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
-- Sums whole numbers, and fails beyond 64 bits. PostgreSQL's own sum of bigints makes numerics, several times the work.
CREATE AGGREGATE tollgate.total(bigint) (
  SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE
);
--> statement-breakpoint
-- The id of a series: of ROW(its labels but the user)::text, and where users are told apart of ROW(that id, user_id)::text.
CREATE FUNCTION tollgate.series_of(labels text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN encode(substring(sha256(convert_to(labels, 'UTF8')) FOR 16), 'hex')::uuid;
--> statement-breakpoint
-- The model of a row as sums know it. A client can ask for any name; where nothing is served by it, rows have it as it was
-- asked for, and sums must not grow by a series for each.
CREATE FUNCTION tollgate.model_label(attempt integer, error_code text, requested_model text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN attempt = 0 AND error_code IN ('model_not_found', 'model_not_allowed') THEN '(other)' ELSE requested_model END;
--> statement-breakpoint
-- The statement that adds changes of usage to the sums. `changed` is a query for rows of usage with a `sign`: 1 for one
-- that came, -1 for one that went. A text, because what a trigger sees changed is seen by its own function alone.
-- Whoever runs it holds the lock of tollgate.usage_…() below: what it does not find is not there.
CREATE FUNCTION tollgate.rollup_statement(changed text) RETURNS text
LANGUAGE sql IMMUTABLE AS $function$
WITH measure (name, value) AS (VALUES
  ('rows', 'sign'),
  ('calls', 'sign * calls'),
  ('attempts', 'CASE WHEN attempt > 0 THEN sign END'),
  ('successes', 'CASE WHEN success THEN sign END'),
  ('refused', 'CASE WHEN status = ''refused'' THEN sign * calls END'),
  ('fallbacks', 'CASE WHEN calls > 0 AND attempt > 1 THEN sign END'),
  ('unpriced', 'CASE WHEN price_status = ''missing'' THEN sign END'),
  ('estimated', 'CASE WHEN usage_source IN (''counted'', ''provider_partial'') THEN sign END'),
  ('input_tokens', 'sign * input_tokens'),
  ('input_known', 'CASE WHEN input_tokens IS NOT NULL THEN sign END'),
  ('cached_input_tokens', 'sign * cached_input_tokens'),
  ('cached_input_known', 'CASE WHEN cached_input_tokens IS NOT NULL THEN sign END'),
  ('cache_write_tokens', 'sign * cache_write_tokens'),
  ('cache_write_known', 'CASE WHEN cache_write_tokens IS NOT NULL THEN sign END'),
  ('output_tokens', 'sign * output_tokens'),
  ('output_known', 'CASE WHEN output_tokens IS NOT NULL THEN sign END'),
  ('reasoning_tokens', 'sign * reasoning_tokens'),
  ('reasoning_known', 'CASE WHEN reasoning_tokens IS NOT NULL THEN sign END'),
  ('cost_nano_usd', 'sign * cost_nano_usd'),
  ('cost_known', 'CASE WHEN cost_nano_usd IS NOT NULL THEN sign END'),
  ('charge_nano_usd', 'sign * charge_nano_usd'),
  ('charge_known', 'CASE WHEN charge_nano_usd IS NOT NULL THEN sign END'),
  ('overrun_nano_usd', 'sign * overrun_nano_usd'),
  ('provider_cost_nano_usd', 'sign * provider_cost_nano_usd'),
  ('provider_cost_known', 'CASE WHEN provider_cost_nano_usd IS NOT NULL THEN sign END'),
  ('drift_nano_usd', 'sign * (provider_cost_nano_usd - cost_nano_usd)'),
  ('drift_known', 'CASE WHEN provider_cost_nano_usd IS NOT NULL AND cost_nano_usd IS NOT NULL THEN sign END'),
  ('response_ms', 'sign * round(response_time_ms)::bigint'),
  ('response_known', 'CASE WHEN response_time_ms IS NOT NULL THEN sign END'),
  ('first_token_ms', 'sign * round(first_token_ms)::bigint'),
  ('first_token_known', 'CASE WHEN first_token_ms IS NOT NULL THEN sign END'),
  ('overhead_us', 'sign * round(overhead_ms * 1000)::bigint'),
  ('overhead_known', 'CASE WHEN overhead_ms IS NOT NULL THEN sign END'),
  ('streamed_tokens', 'CASE WHEN first_token_ms < response_time_ms THEN sign * output_tokens END'),
  ('streaming_ms', 'CASE WHEN first_token_ms < response_time_ms AND output_tokens IS NOT NULL
    THEN sign * round(response_time_ms - first_token_ms)::bigint END')
),
label (list) AS (VALUES ('org_id, key_id, connection_id, provider, model, requested_model, feature, agent_id, agent_name,
    framework, request_type, stream, usage_source, status, error_code'))
SELECT replace(replace(replace(replace(replace(replace(replace($statement$
WITH named AS MATERIALIZED (
  SELECT
    [labels], user_id, series,
    tollgate.series_of(ROW(series, user_id)::text) AS user_series,
    started_at,
    date_bin('15 minutes', started_at, 'epoch') AS quarter,
    date_bin('6 hours', started_at, 'epoch') AS sixth,
    date_bin('1 day', started_at, 'epoch') AS day,
    [counted],
    tollgate.duration_step(response_time_ms) * sign - (sign < 0)::integer AS response_step,
    tollgate.duration_step(first_token_ms) * sign - (sign < 0)::integer AS first_token_step
  FROM (
    SELECT *, tollgate.series_of(ROW([labels])::text) AS series
    FROM (SELECT [labelled], user_id, started_at, [counted] FROM ([changed]) AS given) AS labelled
    -- Hashed once, not wherever it is used.
    OFFSET 0
  ) AS hashed
),
summed AS (
  SELECT
    CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(sixth) = 0 THEN '6h' ELSE '15m' END AS level,
    coalesce(quarter, sixth, day) AS at,
    series AS series_id, org_id,
    tollgate.histogram_of(array_agg(response_step) FILTER (WHERE response_step IS NOT NULL)) AS response_histogram,
    tollgate.histogram_of(array_agg(first_token_step) FILTER (WHERE first_token_step IS NOT NULL)) AS first_token_histogram,
    min(started_at) AS first_at, max(started_at) AS last_at, [totals]
  FROM named GROUP BY series, org_id, GROUPING SETS ((quarter), (sixth), (day))
  UNION ALL
  SELECT
    CASE WHEN grouping(quarter) = 1 THEN 'user_day' ELSE 'user_15m' END,
    CASE WHEN grouping(quarter) = 1 THEN day ELSE quarter END,
    user_series, org_id, NULL, NULL, min(started_at), max(started_at), [totals]
  FROM named GROUP BY user_series, org_id, GROUPING SETS ((quarter), (day))
),
listed AS (
  INSERT INTO tollgate.series (id, [labels], user_id)
  SELECT DISTINCT ON (found.id) found.id, [labels], found.of_user
  FROM named CROSS JOIN LATERAL (VALUES (series, NULL), (user_series, user_id)) AS found (id, of_user)
  -- Looked up one by one, which no planner turns into a join with all of the table.
  WHERE (SELECT known.id FROM tollgate.series AS known WHERE known.id = found.id) IS NULL
)
INSERT INTO tollgate.rollups AS kept (
  level, at, series_id, org_id, response_histogram, first_token_histogram, first_at, last_at, [names]
)
SELECT * FROM summed ORDER BY level, at, series_id
ON CONFLICT (level, at, series_id) DO UPDATE SET
  response_histogram = CASE WHEN excluded.response_histogram IS NULL THEN kept.response_histogram
    ELSE tollgate.histograms_added(kept.response_histogram, excluded.response_histogram) END,
  first_token_histogram = CASE WHEN excluded.first_token_histogram IS NULL THEN kept.first_token_histogram
    ELSE tollgate.histograms_added(kept.first_token_histogram, excluded.first_token_histogram) END,
  first_at = least(kept.first_at, excluded.first_at),
  last_at = greatest(kept.last_at, excluded.last_at),
  [added]
$statement$,
  '[totals]', string_agg(format('tollgate.total(%s)', value), ', ')),
  '[names]', string_agg(name, ', ')),
  '[added]', string_agg(format('%1$s = kept.%1$s + excluded.%1$s', name), ', ')),
  '[labelled]', replace(list, 'requested_model',
    'tollgate.model_label(attempt, error_code, requested_model) AS requested_model')),
  '[counted]', 'sign, calls, attempt, success, price_status, input_tokens, cached_input_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens, cost_nano_usd, charge_nano_usd, overrun_nano_usd, provider_cost_nano_usd,
    response_time_ms, first_token_ms, overhead_ms'),
  '[labels]', list),
  '[changed]', changed)
FROM measure CROSS JOIN label
GROUP BY list
$function$;
--> statement-breakpoint
-- What each kind of change of usage does to the sums: one function each, so that its statements are planned once a session
-- and not once a batch. One writer at a time: all want the rows of this very quarter anyway, none can wait in a circle,
-- and what is looked for once the lock is held is there for good or not at all.
--
-- The settings: a plan that was made while a table was empty must not read all of it when it no longer is.
DO $make$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN VALUES
    ('inserted', 'SELECT 1 AS sign, * FROM added'),
    ('updated', 'SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed'),
    ('deleted', 'SELECT -1 AS sign, * FROM removed')
  LOOP
    EXECUTE format($function$
      CREATE FUNCTION tollgate.usage_%s() RETURNS trigger LANGUAGE plpgsql
      SET work_mem = '32MB' SET enable_seqscan = off AS %L
    $function$, wanted.column1, replace(replace($body$
BEGIN
  -- An upsert fires for its inserts and for its updates, whether there were any or not.
  IF NOT EXISTS ([changed]) THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock(7461003);
  [rollups];
  INSERT INTO tollgate.budget_spend AS kept (budget, subject, "window", org_id, settled_nano_usd)
  SELECT share.budget, share.subject, share."window", min(changed.org_id), sum(changed.sign * changed.charge_nano_usd)
  FROM ([changed]) AS changed
  CROSS JOIN LATERAL jsonb_to_recordset(changed.budgets) AS share (budget text, subject text, "window" text)
  WHERE changed.budgets IS NOT NULL AND changed.charge_nano_usd IS NOT NULL
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (budget, subject, "window")
  DO UPDATE SET settled_nano_usd = kept.settled_nano_usd + excluded.settled_nano_usd;
  INSERT INTO tollgate.users_seen AS seen (org_id, user_id, first_seen_at, last_seen_at)
  SELECT org_id, user_id, min(started_at), max(started_at)
  FROM ([changed]) AS changed
  WHERE user_id IS NOT NULL AND sign > 0
  GROUP BY 1, 2
  -- A user at work would otherwise be written anew with every batch.
  HAVING (
    SELECT known.first_seen_at <= min(started_at) AND known.last_seen_at >= max(started_at) - interval '5 minutes'
    FROM tollgate.users_seen AS known
    WHERE known.org_id = changed.org_id AND known.user_id = changed.user_id
  ) IS NOT TRUE
  ORDER BY 1, 2
  ON CONFLICT (org_id, user_id) DO UPDATE SET
    first_seen_at = least(seen.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(seen.last_seen_at, excluded.last_seen_at);
  RETURN NULL;
END
$body$, '[rollups]', tollgate.rollup_statement(wanted.column2)), '[changed]', wanted.column2));
  END LOOP;
END
$make$;
--> statement-breakpoint
CREATE TRIGGER usage_inserted AFTER INSERT ON tollgate.usage
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_inserted();
--> statement-breakpoint
CREATE TRIGGER usage_updated AFTER UPDATE ON tollgate.usage
  REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_updated();
--> statement-breakpoint
CREATE TRIGGER usage_deleted AFTER DELETE ON tollgate.usage
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tollgate.usage_deleted();
--> statement-breakpoint
-- The first day whose rows are kept. Rows of days before it were counted and dropped: one that is sent again would count
-- a second time, since nothing is left that it could conflict with.
CREATE TABLE tollgate.retention (
  one boolean PRIMARY KEY DEFAULT true,
  rows_since date NOT NULL,
  CONSTRAINT retention_is_one CHECK (one)
);
--> statement-breakpoint
INSERT INTO tollgate.retention (rows_since) VALUES ('0001-01-01');
--> statement-breakpoint
-- Makes what rows of these days (in UTC) need: a day of usage, a month of each level of the sums. Days that are not kept
-- any more get nothing; returns the first that is. One process at a time; what is there already stays. Partitions are made
-- apart and attached: CREATE TABLE … PARTITION OF would wait for every reader of the table, and all others behind it.
CREATE FUNCTION tollgate.make_partitions(days date[]) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
  since date;
  wanted record;
BEGIN
  PERFORM pg_advisory_xact_lock(7461002);
  SELECT rows_since INTO STRICT since FROM tollgate.retention;
  FOR wanted IN
    SELECT 'usage' AS parent, 'usage_' || to_char(day, 'YYYYMMDD') AS name, day AS first, day + 1 AS next, '' AS storage
    FROM unnest(days) AS day WHERE day >= since
    UNION
    SELECT parent, parent || '_' || to_char(day, 'YYYYMM'), date_trunc('month', day)::date,
      (date_trunc('month', day) + interval '1 month')::date,
      -- Sums of the current quarter are written over and over: room for that beside them.
      'WITH (fillfactor = 70)'
    FROM unnest(days) AS day, unnest(ARRAY['rollups_15m', 'rollups_6h', 'rollups_day', 'rollups_user_15m', 'rollups_user_day']) AS parent
    WHERE day >= since
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
  RETURN since;
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
