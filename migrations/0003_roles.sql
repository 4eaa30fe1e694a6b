-- Who may see and change what, kept by the database. The process logs in as one user and becomes one of these roles in
-- each transaction (SET LOCAL, so a transaction pooler may stand between):
--   tollgate_owner   owns the tables; makes and drops partitions. Sees no usage: row-level security is forced.
--   tollgate_ingest  writes usage and what is summed from it, and corrects it.
--   tollgate_app     sees the organisation in tollgate.org ('*': every one) and, where tollgate.user is set, that user
--                    alone. Where tollgate.org is not set it sees nothing.
--   tollgate_bi      reads the views; which organisations, says tollgate.bi_access by the name of the login.
SET LOCAL lock_timeout = '5s';
--> statement-breakpoint
-- Roles belong to the whole server: another database's migration may be making them at this moment.
DO $$
DECLARE
  -- Since PostgreSQL 16 whoever makes a role is its member, and yet may not act as it.
  able constant text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
  wanted text;
  lacking text[] := '{}';
  step text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['tollgate_owner', 'tollgate_ingest', 'tollgate_app', 'tollgate_bi'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      lacking := lacking || format('CREATE ROLE %I NOLOGIN', wanted);
    ELSIF wanted = 'tollgate_bi' OR pg_has_role(current_user, wanted, able) THEN
      CONTINUE;
    END IF;
    IF wanted <> 'tollgate_bi' THEN lacking := lacking || format('GRANT %I TO %I', wanted, current_user); END IF;
  END LOOP;
  FOREACH step IN ARRAY lacking LOOP
    BEGIN
      EXECUTE step;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION '% may not make roles, or not act as them', current_user USING ERRCODE = 'insufficient_privilege',
    HINT = 'Have an administrator run: ' || array_to_string(lacking, '; ') || ';';
END
$$;
--> statement-breakpoint
GRANT USAGE, CREATE ON SCHEMA tollgate TO tollgate_owner;
--> statement-breakpoint
GRANT USAGE ON SCHEMA tollgate TO tollgate_ingest, tollgate_app, tollgate_bi;
--> statement-breakpoint
-- Everything made so far. From here on migrations run as the owner, whichever login applies them.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
    WHERE relnamespace = 'tollgate'::regnamespace AND relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT 'ROUTINE', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'tollgate'::regnamespace
    ORDER BY kind, name
  LOOP
    EXECUTE format('ALTER %s %s OWNER TO tollgate_owner', found.kind, found.name);
  END LOOP;
  ALTER SCHEMA tollgate OWNER TO tollgate_owner;
END
$$;
--> statement-breakpoint
SET LOCAL ROLE tollgate_owner;
--> statement-breakpoint
GRANT SELECT ON tollgate.migrations TO tollgate_app;
--> statement-breakpoint
-- Raised by the migration that a release without it cannot run with: such a release asks, and refuses to start.
CREATE FUNCTION tollgate.schema_major() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 1;
--> statement-breakpoint
-- The previous release makes partitions of usage and none of the sums, which its rows need as well: as long as somebody
-- may go back to it, they are there.
SELECT tollgate.make_partitions(ARRAY[today, (month + interval '1 month')::date, (month + interval '2 months')::date])
FROM (SELECT today, date_trunc('month', today) AS month FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS utc) AS time;
--> statement-breakpoint
-- Which organisations a login of a BI tool may see; '*' is every one.
CREATE TABLE tollgate.bi_access (
  login text NOT NULL,
  org_id text NOT NULL,
  PRIMARY KEY (login, org_id)
);
--> statement-breakpoint
-- Every table but the migrator's own. Partitions may be reached through their tables alone: they have no grants, and no
-- policy lets anybody in.
DO $$
DECLARE
  found regclass;
BEGIN
  FOR found IN
    SELECT oid FROM pg_class
    WHERE relnamespace = 'tollgate'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'migrations'
    ORDER BY relname
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', found);
  END LOOP;
END
$$;
--> statement-breakpoint
-- Of what is set for the transaction. An empty text is what a session keeps of a setting that was local to an earlier one.
CREATE FUNCTION tollgate.set_org() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tollgate.org', true), '');
--> statement-breakpoint
CREATE FUNCTION tollgate.set_user() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tollgate.user', true), '');
--> statement-breakpoint
-- The writer.
GRANT SELECT, INSERT, UPDATE ON tollgate.usage, tollgate.rollups, tollgate.budget_spend TO tollgate_ingest;
--> statement-breakpoint
GRANT SELECT, INSERT ON tollgate.audit_log TO tollgate_ingest;
--> statement-breakpoint
-- Series that no sum needs any more, and what sums said of who was forgotten.
GRANT SELECT, INSERT, DELETE ON tollgate.series TO tollgate_ingest;
--> statement-breakpoint
GRANT DELETE ON tollgate.rollups TO tollgate_ingest;
--> statement-breakpoint
GRANT SELECT ON tollgate.retention TO tollgate_ingest, tollgate_app;
--> statement-breakpoint
CREATE POLICY everybody ON tollgate.retention TO tollgate_owner, tollgate_ingest, tollgate_app USING (true) WITH CHECK (true);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON tollgate.users_seen, tollgate.quarantine TO tollgate_ingest;
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.usage TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.series TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.rollups TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.budget_spend TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.users_seen TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.quarantine TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ingest ON tollgate.audit_log TO tollgate_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
-- Everything else that the process does. Sub-selects, so that PostgreSQL asks once a statement and not once a row.
GRANT SELECT ON tollgate.usage, tollgate.usage_rows, tollgate.calls, tollgate.series, tollgate.rollups,
  tollgate.budget_spend, tollgate.users_seen, tollgate.quarantine TO tollgate_app;
--> statement-breakpoint
GRANT SELECT, INSERT ON tollgate.audit_log TO tollgate_app;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON tollgate.keys, tollgate.connections, tollgate.secrets, tollgate.catalog_state TO tollgate_app;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON tollgate.bi_access TO tollgate_app;
--> statement-breakpoint
CREATE POLICY app ON tollgate.usage FOR SELECT TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org()))
  AND ((SELECT tollgate.set_user()) IS NULL OR user_id = (SELECT tollgate.set_user()))
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.series FOR SELECT TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org()))
  AND ((SELECT tollgate.set_user()) IS NULL OR user_id = (SELECT tollgate.set_user()))
);
--> statement-breakpoint
-- A user sees only what tells users apart, and of that the series of their own.
CREATE POLICY app ON tollgate.rollups FOR SELECT TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org()))
  AND ((SELECT tollgate.set_user()) IS NULL OR series_id IN (
    SELECT id FROM tollgate.series WHERE user_id = (SELECT tollgate.set_user())
  ))
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.users_seen FOR SELECT TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org()))
  AND ((SELECT tollgate.set_user()) IS NULL OR user_id = (SELECT tollgate.set_user()))
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.budget_spend FOR SELECT TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org())) AND (SELECT tollgate.set_user()) IS NULL
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.quarantine FOR SELECT TO tollgate_app USING (
  (SELECT tollgate.set_org()) = '*' AND (SELECT tollgate.set_user()) IS NULL
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.audit_log TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org())) AND (SELECT tollgate.set_user()) IS NULL
);
--> statement-breakpoint
CREATE POLICY app ON tollgate.keys TO tollgate_app USING (
  ((SELECT tollgate.set_org()) = '*' OR org_id = (SELECT tollgate.set_org()))
  AND ((SELECT tollgate.set_user()) IS NULL OR user_id = (SELECT tollgate.set_user()))
);
--> statement-breakpoint
-- These belong to the installation.
CREATE POLICY app ON tollgate.connections TO tollgate_app USING ((SELECT tollgate.set_org()) = '*');
--> statement-breakpoint
CREATE POLICY app ON tollgate.secrets TO tollgate_app USING ((SELECT tollgate.set_org()) = '*');
--> statement-breakpoint
CREATE POLICY app ON tollgate.bi_access TO tollgate_app USING ((SELECT tollgate.set_org()) = '*');
--> statement-breakpoint
-- A number that changes with every key, connection and price override: it tells nothing, and whoever changes one has to
-- change it.
CREATE POLICY app ON tollgate.catalog_state TO tollgate_app USING (true);
--> statement-breakpoint
-- The previous release acts in the name of its login, who inherits from the roles above, and none of them lets it see
-- these without tollgate.org. Gone with the release after this one.
CREATE POLICY previous_release ON tollgate.keys TO tollgate_owner USING (current_user = session_user);
--> statement-breakpoint
CREATE POLICY previous_release ON tollgate.connections TO tollgate_owner USING (current_user = session_user);
--> statement-breakpoint
CREATE POLICY previous_release ON tollgate.secrets TO tollgate_owner USING (current_user = session_user);
--> statement-breakpoint
-- BI tools: the columns of the views, and no more.
GRANT SELECT ON tollgate.usage_rows, tollgate.calls TO tollgate_bi;
--> statement-breakpoint
GRANT SELECT (
  id, call_id, attempt, started_at, org_id, key_id, user_id, feature, agent_id, agent_name, framework, request_type,
  session_id, group_name, metadata, dialect, endpoint, stream, requested_model, connection_id, provider, model,
  service_tier, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens,
  parts, usage_source, cost_nano_usd, charge_nano_usd, overrun_nano_usd, price_status, price_version_id,
  provider_cost_nano_usd, success, status, flags, http_status, error_code, error_message, response_time_ms,
  first_token_ms, overhead_ms, tracked, calls
) ON tollgate.usage TO tollgate_bi;
--> statement-breakpoint
GRANT SELECT ON tollgate.bi_access TO tollgate_bi;
--> statement-breakpoint
CREATE POLICY bi ON tollgate.bi_access FOR SELECT TO tollgate_bi USING (login = session_user);
--> statement-breakpoint
CREATE POLICY bi ON tollgate.usage FOR SELECT TO tollgate_bi USING (
  org_id IN (SELECT org_id FROM tollgate.bi_access) OR EXISTS (SELECT FROM tollgate.bi_access WHERE org_id = '*')
);
