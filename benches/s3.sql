-- The target of the jobs of `make bench-s3`: a bucket of the server that benches/s3.py has started.
CREATE SERVER exports FOREIGN DATA WRAPPER acct_export_s3
    OPTIONS (bucket :'bucket', region :'region', endpoint :'endpoint');
CREATE USER MAPPING FOR PUBLIC SERVER exports
    OPTIONS (access_key_id :'access_key', secret_access_key :'secret_key');
GRANT USAGE ON FOREIGN SERVER exports TO acct_bench_admin;
