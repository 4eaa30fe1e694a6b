-- Connections that people add while the gateway runs, and a version by which every replica sees that what it serves
-- from has changed.
SET LOCAL lock_timeout = '5s';
--> statement-breakpoint
-- The members of a connection as the configuration file has them. The credential alone is a secret and is sealed by the
-- master key for this row's id: moved to another row it does not open. `key_hint` is the part of it that people may see.
CREATE TABLE tollgate.connections (
  id uuid PRIMARY KEY,
  slug text NOT NULL,
  name text,
  provider text NOT NULL,
  base_url text,
  sealed_api_key text,
  key_hint text,
  api_version text,
  headers jsonb NOT NULL DEFAULT '{}',
  priority integer NOT NULL DEFAULT 10,
  weight double precision NOT NULL DEFAULT 1,
  models jsonb NOT NULL DEFAULT '["*"]',
  status text NOT NULL DEFAULT 'active',
  limits jsonb NOT NULL DEFAULT '{}',
  allow_private_network boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  CONSTRAINT connections_slug_is_one CHECK (slug ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  CONSTRAINT connections_status_known CHECK (status IN ('active', 'inactive', 'draining')),
  CONSTRAINT connections_weight_counts CHECK (weight > 0 AND weight <= 1e9),
  CONSTRAINT connections_credential_is_sealed CHECK (sealed_api_key ~ '^v[0-9]+\.[A-Za-z0-9_.-]+$')
);
--> statement-breakpoint
-- Rows of a connection that was removed stay, since usage names them; its slug is free again, as it would be in the file.
CREATE UNIQUE INDEX connections_slug ON tollgate.connections (slug) WHERE deleted_at IS NULL;
--> statement-breakpoint
CREATE TABLE tollgate.catalog_state (
  one boolean PRIMARY KEY DEFAULT true,
  version bigint NOT NULL,
  CONSTRAINT catalog_state_has_one_row CHECK (one)
);
--> statement-breakpoint
INSERT INTO tollgate.catalog_state (version) VALUES (1);
--> statement-breakpoint
-- A row, not a sequence: whoever sees a version sees the changes that it stands for. Triggers, so that a change made by
-- hand is taken up like any other.
CREATE FUNCTION tollgate.catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tollgate.catalog_state AS state (version) VALUES (1)
  ON CONFLICT (one) DO UPDATE SET version = state.version + 1;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER keys_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tollgate.keys
  FOR EACH STATEMENT EXECUTE FUNCTION tollgate.catalog_changed();
--> statement-breakpoint
CREATE TRIGGER connections_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tollgate.connections
  FOR EACH STATEMENT EXECUTE FUNCTION tollgate.catalog_changed();
