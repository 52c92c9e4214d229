app_name = "xs2a"
urlpatterns: list = []
