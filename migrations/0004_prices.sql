-- Prices of the operator's own, and a way to find what has none.
SET LOCAL lock_timeout = '5s';
--> statement-breakpoint
-- Append-only: rows of usage name the entry that they were priced by. A line is (scope, subject, provider, model); of its
-- entries the latest that is in effect when a call starts holds, of one time the one made last. `withdrawn` says that
-- from then on the line says nothing.
CREATE TABLE tollgate.price_overrides (
  id uuid PRIMARY KEY,
  created_at timestamptz NOT NULL,
  scope text NOT NULL,
  subject text,
  provider text,
  model text NOT NULL,
  kind text NOT NULL,
  -- US dollars per million units of each part, as decimals: {"input": "0.15", "output": "0.6"}.
  rates jsonb,
  multiplier numeric(13, 9),
  fee_usd numeric(12, 9),
  effective_from timestamptz NOT NULL,
  CONSTRAINT price_overrides_scope_known CHECK (scope IN ('global', 'org', 'connection')),
  CONSTRAINT price_overrides_subject_fits CHECK ((scope = 'global') = (subject IS NULL)),
  CONSTRAINT price_overrides_kind_known CHECK (kind IN ('absolute', 'multiplier', 'per_request', 'withdrawn')),
  CONSTRAINT price_overrides_terms_fit CHECK (
    (kind = 'absolute') = (rates IS NOT NULL)
    AND (kind = 'multiplier') = (multiplier IS NOT NULL)
    AND (kind = 'per_request') = (fee_usd IS NOT NULL)
  ),
  CONSTRAINT price_overrides_rates_are_an_object CHECK (jsonb_typeof(rates) = 'object' AND rates <> '{}'),
  CONSTRAINT price_overrides_amounts_count CHECK (multiplier > 0 AND fee_usd >= 0)
);
--> statement-breakpoint
CREATE FUNCTION tollgate.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tollgate.% is append-only: add an entry that says otherwise', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER price_overrides_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tollgate.price_overrides
  FOR EACH STATEMENT EXECUTE FUNCTION tollgate.append_only();
--> statement-breakpoint
CREATE TRIGGER price_overrides_changed AFTER INSERT ON tollgate.price_overrides
  FOR EACH STATEMENT EXECUTE FUNCTION tollgate.catalog_changed();
--> statement-breakpoint
ALTER TABLE tollgate.price_overrides ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE tollgate.price_overrides FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
GRANT SELECT, INSERT ON tollgate.price_overrides TO tollgate_app;
--> statement-breakpoint
CREATE POLICY app ON tollgate.price_overrides TO tollgate_app USING ((SELECT tollgate.set_org()) = '*');
--> statement-breakpoint
-- Few rows have no price of their own, and people look for just those: to see them, and to price them once there is one.
CREATE INDEX usage_unpriced ON tollgate.usage (started_at, id) WHERE price_status IN ('missing', 'default');
