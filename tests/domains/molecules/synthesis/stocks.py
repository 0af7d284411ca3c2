"""A small stock of building blocks for tests."""

BLOCKS = """
CC(=O)O OC(=O)C1CC1 OC(=O)c1ccccc1 OC(=O)c1ccco1 OC(=O)c1ccc(Br)cc1 OC(=O)c1cccnc1 OC(=O)CBr COC(=O)c1ccccc1 OC(=O)CC#N
CNC NC1CC1 C1COCCN1 C1CCNCC1 CC(C)N NCc1ccccc1 NCc1ccco1 Nc1ccccc1 Nc1ccc(Br)cc1 Nc1ccc(F)cc1 CN1CCNCC1 NCCc1ccccc1
Nc1ccccc1N Nc1ccccc1O Nc1ccccc1S Nc1ccccc1C(=O)O NNc1ccccc1 NC(=S)c1ccccc1 NCCc1c[nH]c2ccccc12
Brc1ccccc1 Brc1ccncc1 Brc1cccs1 Fc1ccc(Br)cc1 Cc1ccc(Br)cc1 COc1ccc(Br)cc1 Clc1ccncn1 Clc1ncccn1 Ic1ccccc1
OB(O)c1ccccc1 OB(O)c1cccs1 OB(O)c1ccncc1 OB(O)c1ccc(F)cc1 OB(O)c1cccc(C#N)c1
O=Cc1ccccc1 O=Cc1ccco1 CC=O CC(C)=O O=C1CCNCC1 CC(=O)c1ccccc1 CC(=O)CBr O=C(CBr)c1ccccc1
CS(=O)(=O)Cl O=S(=O)(Cl)c1ccccc1 O=C=Nc1ccccc1 CCN=C=O N#Cc1ccccc1 N#Cc1ccncc1
CCO OCc1ccccc1 OCC1CCCO1 Oc1ccccc1 Oc1ccc(F)cc1 Oc1ccccc1Br CCBr BrCc1ccccc1 CCI C#Cc1ccccc1 C#CCOC C=CC(=O)OC
""".split()  # noqa: SIM905
"""SMILES of acids, amines, halides, boronic acids, carbonyl compounds and others."""
