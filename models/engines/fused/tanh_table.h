// Coefficients of tanh's piecewise approximation; made by tanh_table.py, which prints this table
// and the error of each interval.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_TANH_TABLE_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_TANH_TABLE_H_

namespace rollout::fused {

// |x| + kTanhShift lies in [1/2, 8): four octaves of four intervals, numbered by the bits above
// the lowest kTanhMantissaBits (21) of its float32 form, modulo 16.
inline constexpr int kTanhIntervals = 16;
inline constexpr int kTanhMantissaBits = 21;
inline constexpr float kTanhShift = 0.5f;
inline constexpr float kTanhLimit = 7.49999905f;  // beyond, tanh is 1 within 7e-7

alignas(64) inline constexpr float kTanhCoefficients[5][16] = {
    {-0.14312613f, 0.0351238437f, 0.308139682f, 0.5550735f, 0.791289866f, 0.938320756f, 0.98394233f,
     0.996182263f, 0.0f, 2.12246541e-05f, 0.000189207771f, 0.000363617612f, -0.00261420035f,
     -0.0276427045f, -0.0833485797f, -0.140187755f},
    {1.5688765f, 1.21590209f, 0.776535571f, 0.444598526f, 0.178150073f, 0.0436968505f,
     0.00970155653f, 0.00200858759f, 0.999997795f, 0.999389827f, 0.996725202f, 0.994719446f,
     1.01626801f, 1.14741421f, 1.37081599f, 1.55510843f},
    {-0.867010117f, -0.604143322f, -0.338440478f, -0.1708754f, -0.0579378195f, -0.0117266821f,
     -0.00221332349f, -0.000398289703f, 0.000171832333f, 0.00695533073f, 0.0230086725f,
     0.031663876f, -0.0269231573f, -0.285963863f, -0.623018324f, -0.847537816f},
    {0.226272359f, 0.139012203f, 0.0674520135f, 0.0298041515f, 0.00848464668f, 0.00141063763f,
     0.000225767188f, 3.52568532e-05f, -0.337506086f, -0.372811973f, -0.416358769f, -0.432967395f,
     -0.361994922f, -0.133363351f, 0.093372345f, 0.215173647f},
    {-0.0232961196f, -0.0124015324f, -0.00515965186f, -0.00198330591f, -0.000470988976f,
     -6.40935177e-05f, -8.68057759e-06f, -1.17490686e-06f, 0.0400384925f, 0.112757757f,
     0.157622755f, 0.169580251f, 0.137238592f, 0.0611499958f, 0.00377262919f, -0.0210523773f},
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_TANH_TABLE_H_
