-- From an address to what the tables are searched by. The tables hold no index on the address itself: a key of 8 bytes
-- is a third of its size.

CREATE FUNCTION chaincore.bech32_script(address text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    letters constant text := 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    generators constant bigint[] := ARRAY[996825010, 642813549, 513874426, 1027748829, 705979059];
    a text := lower(address);
    divider integer := length(a) - strpos(reverse(a), '1') + 1;
    code integer[] := '{}';
    sum bigint := 1;
    top bigint;
    acc bigint := 0;
    bits integer := 0;
    at integer := 0;
    size integer;
    program bytea;
    value integer;
BEGIN
    -- BIP 173: at most 90 characters, one case, a prefix, and six characters of checksum behind a version.
    IF length(a) > 90 OR divider > length(a) OR divider < 2 OR length(a) - divider < 7
        OR address NOT IN (a, upper(a)) OR a !~ '^[!-~]+$' THEN
        RETURN NULL;
    END IF;
    FOR i IN 1 .. divider - 1 LOOP
        code := code || (ascii(substr(a, i, 1)) >> 5);
    END LOOP;
    code := code || 0;
    FOR i IN 1 .. divider - 1 LOOP
        code := code || (ascii(substr(a, i, 1)) & 31);
    END LOOP;
    FOR i IN divider + 1 .. length(a) LOOP
        value := strpos(letters, substr(a, i, 1)) - 1;
        IF value < 0 THEN
            RETURN NULL;
        END IF;
        code := code || value;
    END LOOP;
    FOREACH value IN ARRAY code LOOP
        top := sum >> 25;
        sum := ((sum & 33554431) << 5) # value;
        FOR i IN 0 .. 4 LOOP
            IF (top >> i) & 1 = 1 THEN
                sum := sum # generators[i + 1];
            END IF;
        END LOOP;
    END LOOP;
    -- BIP 350: version 0 has the checksum of BIP 173, all others another one.
    value := code[2 * divider];
    IF value > 16 OR sum <> (CASE WHEN value = 0 THEN 1 ELSE 734539939 END) THEN
        RETURN NULL;
    END IF;
    size := (length(a) - divider - 7) * 5 / 8;
    IF size NOT BETWEEN 2 AND 40 OR (value = 0 AND size NOT IN (20, 32)) THEN
        RETURN NULL;
    END IF;
    program := decode(repeat('00', size), 'hex');
    FOR i IN 2 * divider + 1 .. cardinality(code) - 6 LOOP
        acc := (acc << 5) | code[i];
        bits := bits + 5;
        IF bits >= 8 THEN
            bits := bits - 8;
            program := set_byte(program, at, ((acc >> bits) & 255)::integer);
            at := at + 1;
            acc := acc & ((1 << bits) - 1);
        END IF;
    END LOOP;
    IF bits >= 5 OR acc <> 0 THEN
        RETURN NULL;
    END IF;
    RETURN set_byte(set_byte('\x0000'::bytea, 0, CASE WHEN value = 0 THEN 0 ELSE 80 + value END), 1, size) || program;
END
$$;
COMMENT ON FUNCTION chaincore.bech32_script(text) IS 'Script of an address by BIP 173 or BIP 350, of any network; null if it is none.';

CREATE FUNCTION chaincore.base58_script(address text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    letters constant text := '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
    number numeric := 0;
    value integer;
    bytes bytea := decode(repeat('00', 25), 'hex');
    zeros integer := 0;
BEGIN
    IF length(address) NOT BETWEEN 25 AND 36 THEN
        RETURN NULL;
    END IF;
    FOR i IN 1 .. length(address) LOOP
        value := strpos(letters, substr(address, i, 1)) - 1;
        IF value < 0 THEN
            RETURN NULL;
        END IF;
        number := number * 58 + value;
    END LOOP;
    FOR i IN REVERSE 24 .. 0 LOOP
        bytes := set_byte(bytes, i, mod(number, 256)::integer);
        number := div(number, 256);
    END LOOP;
    WHILE zeros < 25 AND get_byte(bytes, zeros) = 0 LOOP
        zeros := zeros + 1;
    END LOOP;
    IF number <> 0 OR length(address) - length(ltrim(address, '1')) <> zeros
        OR substr(sha256(sha256(substr(bytes, 1, 21))), 1, 4) <> substr(bytes, 22) THEN
        RETURN NULL;
    END IF;
    RETURN CASE
        WHEN get_byte(bytes, 0) IN (0, 111) THEN '\x76a914'::bytea || substr(bytes, 2, 20) || '\x88ac'::bytea
        WHEN get_byte(bytes, 0) IN (5, 196) THEN '\xa914'::bytea || substr(bytes, 2, 20) || '\x87'::bytea
    END;
END
$$;
COMMENT ON FUNCTION chaincore.base58_script(text) IS 'Script of an address in base 58, of the main network or Bitcoin''s test networks; null if it is none.';

CREATE FUNCTION chaincore.address_script(address text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN coalesce(chaincore.bech32_script(address), chaincore.base58_script(address));
COMMENT ON FUNCTION chaincore.address_script(text) IS 'Script of an address; null if it is none.';

CREATE FUNCTION chaincore.addr(address text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN address ~ '^raw:[0-9a-f]{64}$' THEN ('x' || substr(address, 5, 16))::bit(64)::bigint
    ELSE chaincore.script_key(chaincore.address_script(address)) END;
COMMENT ON FUNCTION chaincore.addr(text) IS 'script_key of an address, or of raw: and SHA256(script) in hex; null if it is neither. Compare address too where there is one.';
