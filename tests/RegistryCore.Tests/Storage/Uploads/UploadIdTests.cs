using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Tests.Storage.Uploads;

public sealed class UploadIdTests
{
    [Fact]
    public void New_names_are_different_and_read_back()
    {
        var names = Enumerable.Range(0, 1000).Select(_ => UploadId.Create()).ToList();
        Assert.Equal(1000, names.Distinct().Count());
        Assert.All(names, id => Assert.True(UploadId.TryParse(id.Value, out var read) && read == id));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0123456789abcdef0123456789abcde")]
    [InlineData("0123456789abcdef0123456789abcdef0")]
    [InlineData("0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("../../../../../../../../etc/shad")]
    [InlineData("..%2f..%2f..%2f..%2f..%2fetc%2fp")]
    [InlineData("0123456789abcdef0123456789abcde\n")]
    [InlineData("01234567-89ab-cdef-0123-456789ab")]
    public void Nothing_else_is_a_name(string? text) => Assert.False(UploadId.TryParse(text, out _));
}
