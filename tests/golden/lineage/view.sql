create view v as with recursive r(a,b) as (select id, email from t union all select a+1, pw from r, t), c as materialized (select * from t)
 select t.id, t.j->>'token' as tok, t.j['a'] as sub, coalesce(t.email,'x') as e2, case when t.pw is null then 1 else 2 end as cs, (select max(pw) from t t2 where t2.id=t.id) as mx, 
  row_number() over (partition by t.pw order by t.email) as rn, count(*) filter (where t.pw='x') over () as cc, array[t.email,'q'] as arr, t as whole, exists(select 1 from t) as ex, t.id=any(array[1,2]) as sa,
  t.j::text as jt, greatest(t.id,1) as gr, current_user as cu, t.email collate "C" as col, r.a, t.id as jid, ff.v as fv, vv.x as vx, t.tags[1] as tg, t.j #>> '{a,token}' as pth, nullif(t.email,'') as nf, t.email as ":a (b) {"""
 from t left join c using (id), r, lateral jsonb_each_text(t.j) as ff(k,v), (values (1,'a')) vv(x,y), (select id, email from t union select 1, pw from t) un where t.id > 0 ;
