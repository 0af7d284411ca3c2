import sys,os,time,json,math,numpy as np,torch
torch.set_num_threads(1); torch.manual_seed(0)
from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel,DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field,State
from sciencegen.networks.equivariant.chain import whiten,colour
from sciencegen.networks.equivariant.residues import *
name,total=sys.argv[1],int(sys.argv[2]); LMAX=int(sys.argv[3]) if len(sys.argv)>3 else 160
d=np.load('/work/shared/data/proteins/backbones.npz')
keep=np.flatnonzero(d['globular']&d['rep30']&~d['in_BM5_cluster']&(d['length']<=LMAX)); off=d['offset']; xyz=d['xyz']
chains=[xyz[off[k]:off[k+1],:3].astype(np.float32)/100 for k in keep]; lens=np.array([len(c) for c in chains])
ss=[d['dssp'][k] for k in keep]; cond=np.array([[s.count('H')/len(s),s.count('E')/len(s)] for s in ss],np.float32)
print(len(chains),'chains',lens.mean(),cond.mean(0),flush=True)
state=State({TRACE:Field(Euclidean()),ATOMS:Field(Euclidean())})
net=ResidueDenoiser(2,ResidueNetworkSettings())
S=DiffusionSettings(prediction='v',weighting='edm',sampler='ddim',steps=50)
model=DiffusionModel(net,state,Cosine(9.,-9.),{TRACE:(LMAX,3),ATOMS:(LMAX,6)},S)
from dataclasses import replace
from sciencegen.networks.conditions import ConditionDropout
model.settings=replace(S,dropout=ConditionDropout(some=.5,everything=.5))
print(sum(p.numel() for p in net.parameters()),'params',flush=True)
rng=np.random.default_rng(0)
def rot(n):
    q=rng.standard_normal((n,4)); q/=np.linalg.norm(q,axis=1,keepdims=True); w,x,y,z=q.T
    return np.stack([1-2*(y*y+z*z),2*(x*y-z*w),2*(x*z+y*w),2*(x*y+z*w),1-2*(x*x+z*z),2*(y*z-x*w),2*(x*z-y*w),2*(y*z+x*w),1-2*(x*x+y*y)],1).reshape(n,3,3)
def batch(ids):
    L=max(lens[i] for i in ids); X=np.zeros((len(ids),L,3,3),np.float32); M=np.zeros((len(ids),L),bool)
    for r,i in enumerate(ids): X[r,:lens[i]]=chains[i]-chains[i][:,1].mean(0); M[r,:lens[i]]=True
    X=np.einsum('nxy,nlay->nlax',rot(len(ids)).astype(np.float32),X)
    X=torch.from_numpy(X); M=torch.from_numpy(M); cnt=M.sum(1)
    tr=whiten(X[:,:,1],cnt)*M[...,None]; at=((X[:,:,[0,2]]-X[:,:,[1]])/BOND).flatten(2)*M[...,None]
    return Batch({TRACE:tr,ATOMS:at},M,torch.from_numpy((cond[ids]-.25)/.2))
def measure(ca):  # list of [L,3]
    D=[np.linalg.norm(np.diff(c,axis=0),axis=1) for c in ca]; a=np.concatenate(D); rg=np.array([np.sqrt(((c-c.mean(0))**2).sum(1).mean())/(2.2*len(c)**.38) for c in ca])
    right=left=0; clash=[]
    for c in ca:
        v=np.diff(c,axis=0); t=np.einsum('ij,ij->i',v[:-2],np.cross(v[1:-1],v[2:])); d13=np.linalg.norm(c[3:]-c[:-3],axis=1); h=(d13>4.4)&(d13<6.2)
        dd=np.linalg.norm(c[2:]-c[:-2],axis=1); h&=(dd[:-1]<6.2)&(dd[1:]<6.2); right+=(t[h]>0).sum(); left+=(t[h]<0).sum()
        P=np.linalg.norm(c[:,None]-c[None],axis=-1); P[np.abs(np.subtract.outer(np.arange(len(c)),np.arange(len(c))))<2]=9; clash.append((P<3.4).any())
    return dict(ca=round(float(np.median(a)),2),ok=round(float(((a>3.6)&(a<4.0)).mean()),3),rg=round(float(np.median(rg)),3),helixlike=round((right+left)/max(1,sum(map(len,ca))),3),right=round(right/max(1,right+left),3),clash=round(float(np.mean(clash)),2))
print('data',measure([c[:,1] for c in chains[:300]]),flush=True)
ema={k:v.clone() for k,v in model.state_dict().items()}
def draw(n=16,L=80,steps=50):
    old={k:v.clone() for k,v in model.state_dict().items()}; model.load_state_dict(ema); model.eval()
    g=torch.Generator().manual_seed(1); M=torch.ones(n,L,dtype=torch.bool)
    z=Batch({TRACE:torch.randn(n,L,3,generator=g),ATOMS:torch.randn(n,L,6,generator=g)},M,None)
    with torch.no_grad(): out=model.draw(z,'ddim',steps)
    ca=colour(out[TRACE],M.sum(1)).numpy(); model.load_state_dict(old); model.train(); return ca,out
opt=torch.optim.AdamW(model.parameters(),1e-3,weight_decay=1e-2,betas=(.9,.99)); step=0; t0=time.time(); acc=[]; nx=120; done=0.
ck=name+'.ck'
if os.path.exists(ck):
    c=torch.load(ck); model.load_state_dict(c['m']); opt.load_state_dict(c['o']); ema=c['e']; step=c['s']; done=c['t']; print('resumed',step,done,flush=True); rng=np.random.default_rng(step)
TOK=1100
while True:
    order=np.argsort(lens+rng.uniform(0,12,len(lens))); bs=[];cur=[]
    for i in order:
        if cur and (len(cur)+1)*lens[i]>TOK: bs.append(cur); cur=[]
        cur.append(i)
    bs.append(cur)
    for k in rng.permutation(len(bs)):
        el=done+time.time()-t0; fr=step/total
        if fr>1: break
        for q in opt.param_groups: q['lr']=1e-3*min(1,(step+1)/500)*(0.5*(1+math.cos(math.pi*min(1,fr)))+.02)
        b=batch(bs[k]); g=torch.Generator().manual_seed(step)
        with torch.autocast('cpu',torch.bfloat16): l=model.loss(b,step,g)['loss']
        l.backward(); gn=torch.nn.utils.clip_grad_norm_(model.parameters(),1.)
        if torch.isfinite(gn): opt.step()
        opt.zero_grad(); step+=1; acc.append((l.item(),len(bs[k])))
        with torch.no_grad():
            dd=min(.999,(1+step)/(10+step))
            for kk,v in model.state_dict().items():
                if v.is_floating_point(): ema[kk].lerp_(v,1-dd)
        if time.time()-t0>nx:
            nx+=900 if nx>1800 else 300
            ca,_=draw(); r=measure(list(ca)); n=sum(a[1] for a in acc)
            print(f'{el/60:.1f}min step {step} loss {np.mean([a[0] for a in acc[-400:]]):.4f} chains/s {n/(time.time()-t0):.1f}',r,flush=True)
            torch.save(dict(m=model.state_dict(),o=opt.state_dict(),e=ema,s=step,t=el),ck+'.tmp'); os.replace(ck+'.tmp',ck)
    if fr>1: break
torch.save(dict(m=model.state_dict(),o=opt.state_dict(),e=ema,s=step,t=el),ck)
