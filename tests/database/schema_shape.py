"""Everything that stands in a database's schema, read from the catalogue: what ``pg_dump -s`` would show, one fact a
line."""

from typing import Any, Final

_QUERIES: Final = {
    "relation": """
        SELECT c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
          pg_get_userbyid(c.relowner) = current_user,
               obj_description(c.oid, 'pg_class')
          FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S', 'p',
            'f', 'c')""",
    "column": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
          a.attidentity::text, a.attgenerated::text,
               pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text, a.attcompression::text,
                 a.attstorage::text
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'c') AND a.attnum > 0
           AND NOT a.attisdropped""",
    "constraint": """
        SELECT coalesce(c.relname, t.typname), n.conname, n.contype::text, n.convalidated, pg_get_constraintdef(n.oid)
          FROM pg_constraint n LEFT JOIN pg_class c ON c.oid = n.conrelid LEFT JOIN pg_type t ON t.oid = n.contypid
         WHERE n.connamespace = 'public'::regnamespace""",
    "index": """
        SELECT t.relname, c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         WHERE c.relnamespace = 'public'::regnamespace""",
    "sequence": "SELECT * FROM (SELECT sequencename, data_type::text, start_value, min_value, max_value, "
    "increment_by, cycle, cache_size"
    " FROM pg_sequences WHERE schemaname = 'public') s",
    "function": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid),
               CASE WHEN pg_get_userbyid(p.proowner) = current_user THEN 'owner' ELSE pg_get_userbyid(p.proowner) END
          FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p', 'w')""",
    "trigger": """
        SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "policy": """
        SELECT tablename, policyname, permissive, roles::text[], cmd, qual, with_check FROM pg_policies
          WHERE schemaname = 'public'""",
    "rule": "SELECT tablename, rulename, definition FROM pg_rules WHERE schemaname = 'public'",
    "grant": """
        SELECT g.what, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE nullif(pg_get_userbyid(x.grantee),
          current_user) END, x.privilege_type,
               x.is_grantable
          FROM (SELECT 'table ' || c.relname AS what, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'
            ELSE 'r' END::"char",
                         c.relowner)) AS acl
                  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm',
                    'S', 'p', 'f')
                UNION ALL
                SELECT 'column ' || c.relname || '.' || a.attname, a.attacl
                  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                 WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL
                UNION ALL
                SELECT 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner))
                  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
                UNION ALL
                SELECT 'type ' || t.typname, coalesce(t.typacl, acldefault('T', t.typowner))
                  FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('c', 'e', 'd')
                UNION ALL
                SELECT 'schema public', n.nspacl FROM pg_namespace n WHERE n.nspname = 'public'
                UNION ALL
                SELECT 'default ' || d.defaclobjtype::text, d.defaclacl FROM pg_default_acl d) g,
                  LATERAL aclexplode(g.acl) x""",
    "type": """
        SELECT t.typname, t.typtype::text, (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
          WHERE e.enumtypid = t.oid),
               pg_get_userbyid(t.typowner) = current_user
          FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('c', 'e', 'd', 'r')""",
    "extension": "SELECT extname FROM pg_extension",
    "move": "SELECT kind, from_state, to_state FROM state_move",
}


async def shape(connection: Any) -> list[str]:
    """The facts of a database's public schema, sorted; what belongs to the login that migrated it is said without its
    name."""
    lines = []
    for kind, query in _QUERIES.items():
        rows = await connection.fetch(query)
        lines += [kind + " " + " | ".join(str(value) for value in row) for row in rows]
    return sorted(lines)
