using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Objects;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

public sealed class ResumableHashTests
{
    [Theory]
    [InlineData("SHA256")]
    [InlineData("SHA512")]
    public void A_hash_goes_on_from_its_state_whatever_the_cut(string name)
    {
        var algorithm = new HashAlgorithmName(name);
        var bytes = RandomNumberGenerator.GetBytes(1000);
        for (var cut = 0; cut <= bytes.Length; cut += 37)
        {
            var first = new ResumableHash(algorithm);
            first.Append(bytes.AsSpan(0, cut));
            var state = first.Export();
            first.Append([1, 2, 3]); // changes nothing of what was taken out
            var second = new ResumableHash(algorithm, state);
            Assert.Equal(Digest.Compute(algorithm, bytes.AsSpan(0, cut)), second.Current());
            second.Append(bytes.AsSpan(cut));
            Assert.Equal(Digest.Compute(algorithm, bytes), second.Current());
        }
    }

    [Fact]
    public void A_state_of_another_algorithm_is_refused() => Assert.Throws<InvalidDataException>(
        () => new ResumableHash(HashAlgorithmName.SHA256, new ResumableHash(HashAlgorithmName.SHA512).Export()));
}
