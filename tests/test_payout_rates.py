async def test_x(client):
    a = await client.get("/v1/payout-rates?year=2018&group_by=fund,area_code,hospital_code,period&as_of=2018-12-31")
    print(a.text)
    assert a.status_code == 200
    a = await client.get("/v1/payout-rates?year=2018")
    print(a.text)
    assert a.status_code == 200
