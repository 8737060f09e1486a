#include "textflag.h"

// func crcFold(k *[4]uint64, sum *[2]uint64, p *byte, n int)
//
// Folds n bytes, a multiple of 16, at least 64, into 16 bytes with the same checksum. sum holds what is to be added to the
// first 16 bytes, and gets the result. Folding a block into one that comes d bytes later is a product with x^(8d) mod P, in
// two halves: k[0] and k[1] are for d = 64, k[2] and k[3] for d = 16.
TEXT ·crcFold(SB), NOSPLIT, $0-32
	MOVQ  k+0(FP), AX
	MOVQ  sum+8(FP), DI
	MOVQ  p+16(FP), SI
	MOVQ  n+24(FP), CX
	MOVOU (AX), X8          // for 64 bytes
	MOVOU 16(AX), X9        // for 16 bytes
	MOVOU (SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	MOVOU (DI), X4
	PXOR  X4, X0
	ADDQ  $64, SI
	SUBQ  $64, CX

loop:
	CMPQ      CX, $64
	JLT       join
	MOVOU     X0, X4
	MOVOU     X1, X5
	MOVOU     X2, X6
	MOVOU     X3, X7
	PCLMULQDQ $0x00, X8, X0 // first half with k[0]
	PCLMULQDQ $0x00, X8, X1
	PCLMULQDQ $0x00, X8, X2
	PCLMULQDQ $0x00, X8, X3
	PCLMULQDQ $0x11, X8, X4 // second half with k[1]
	PCLMULQDQ $0x11, X8, X5
	PCLMULQDQ $0x11, X8, X6
	PCLMULQDQ $0x11, X8, X7
	PXOR      X4, X0
	PXOR      X5, X1
	PXOR      X6, X2
	PXOR      X7, X3
	MOVOU     (SI), X4
	MOVOU     16(SI), X5
	MOVOU     32(SI), X6
	MOVOU     48(SI), X7
	PXOR      X4, X0
	PXOR      X5, X1
	PXOR      X6, X2
	PXOR      X7, X3
	ADDQ      $64, SI
	SUBQ      $64, CX
	JMP       loop

join:
	MOVOU     X0, X4
	PCLMULQDQ $0x00, X9, X0
	PCLMULQDQ $0x11, X9, X4
	PXOR      X4, X0
	PXOR      X0, X1
	MOVOU     X1, X4
	PCLMULQDQ $0x00, X9, X1
	PCLMULQDQ $0x11, X9, X4
	PXOR      X4, X1
	PXOR      X1, X2
	MOVOU     X2, X4
	PCLMULQDQ $0x00, X9, X2
	PCLMULQDQ $0x11, X9, X4
	PXOR      X4, X2
	PXOR      X2, X3

rest:
	CMPQ      CX, $16
	JLT       done
	MOVOU     X3, X4
	PCLMULQDQ $0x00, X9, X3
	PCLMULQDQ $0x11, X9, X4
	MOVOU     (SI), X5
	PXOR      X4, X3
	PXOR      X5, X3
	ADDQ      $16, SI
	SUBQ      $16, CX
	JMP       rest

done:
	MOVOU X3, (DI)
	RET
