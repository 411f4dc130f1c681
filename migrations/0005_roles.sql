-- Who may do what. The owner is whoever runs the migrations and builds the indexes. Two groups, which nobody logs in as,
-- have the rights; people and programs log in with roles that are in one of them (add_writer, add_reader).
--
-- Rights are the wall. The settings of a reader (read-only transactions, time and memory limits) are courtesy: it may
-- change them for its session.

CREATE FUNCTION chaincore.grant_roles() RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    role text;
    missing text;
BEGIN
    FOREACH role IN ARRAY ARRAY['chaincore_reader', 'chaincore_writer'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    missing := concat_ws(', ', missing, role);
                -- Roles belong to the whole server: the mirror of another database made it a moment ago.
                WHEN duplicate_object OR unique_violation THEN
                    NULL;
            END;
        END IF;
    END LOOP;
    IF missing IS NOT NULL THEN
        RAISE NOTICE 'the mirror works, but without roles for others than its owner: % may not create %. Have somebody who may run CREATE ROLE with these names, then SELECT chaincore.grant_roles()',
            current_user, missing;
        RETURN false;
    END IF;

    GRANT USAGE ON SCHEMA chaincore, analytics TO chaincore_reader, chaincore_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA chaincore, analytics TO chaincore_reader, chaincore_writer;
    GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chaincore TO chaincore_writer;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA chaincore TO chaincore_writer;
    GRANT EXECUTE ON FUNCTION chaincore.ensure_partition(integer), analytics.refresh() TO chaincore_writer;
    IF to_regclass('chaincore._sqlx_migrations') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON chaincore._sqlx_migrations FROM chaincore_writer;
    END IF;

    -- Partitions and tables that the owner makes later.
    ALTER DEFAULT PRIVILEGES IN SCHEMA chaincore, analytics GRANT SELECT ON TABLES TO chaincore_reader, chaincore_writer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA chaincore GRANT INSERT, UPDATE, DELETE ON TABLES TO chaincore_writer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA chaincore GRANT USAGE ON SEQUENCES TO chaincore_writer;

    -- Everybody may make temporary tables in a new database, and before PostgreSQL 15 any table in schema public.
    BEGIN
        IF pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE') THEN
            EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
            EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user);
        ELSE
            RAISE NOTICE '% does not own database %: readers may make temporary tables in it until its owner runs REVOKE TEMPORARY ON DATABASE % FROM PUBLIC',
                current_user, current_database(), quote_ident(current_database());
        END IF;
        IF current_setting('server_version_num')::integer < 150000 THEN
            REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        END IF;
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE NOTICE '% may not take the right to create tables in schema public from everybody', current_user;
    END;
    RETURN true;
END
$$;
COMMENT ON FUNCTION chaincore.grant_roles() IS 'Makes the groups chaincore_writer and chaincore_reader and gives them their rights; may be run again. False if somebody else must make them.';
REVOKE ALL ON FUNCTION chaincore.grant_roles() FROM PUBLIC;

CREATE FUNCTION chaincore.add_reader(login text, connections integer DEFAULT 10) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF to_regrole(quote_ident(login)) IS NULL THEN
        EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT %s', login, connections);
    END IF;
    EXECUTE format('GRANT chaincore_reader TO %I', login);
    -- Settings of a group do not come to its members, so each has its own.
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_read_only = on', login, current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''60s''', login, current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''5min''', login,
        current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET work_mem = ''64MB''', login, current_database());
END
$$;
COMMENT ON FUNCTION chaincore.add_reader(text, integer) IS 'Makes a role for an analyst to log in with, or lets an existing one read. Its password is set apart, with \password, so that it stands in no log.';
REVOKE ALL ON FUNCTION chaincore.add_reader(text, integer) FROM PUBLIC;

CREATE FUNCTION chaincore.add_writer(login text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF to_regrole(quote_ident(login)) IS NULL THEN
        EXECUTE format('CREATE ROLE %I LOGIN', login);
    END IF;
    EXECUTE format('GRANT chaincore_writer TO %I', login);
END
$$;
COMMENT ON FUNCTION chaincore.add_writer(text) IS 'Makes a role for a program that changes rows, or lets an existing one do so. Its password is set apart, with \password.';
REVOKE ALL ON FUNCTION chaincore.add_writer(text) FROM PUBLIC;

SELECT chaincore.grant_roles();
